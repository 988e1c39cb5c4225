"""A simulated Jira that is written to, and a house that hears its webhooks; time passes as a test lets it."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import Jira, SteppedClock
from simulator.jira import Issue, Project
from simulator.rest import Call
from sync_service.domain.connectors import Post
from sync_service.receive import Receipt
from sync_service.store import tables
from sync_service.store.database import reading
from sync_service.wiring import House
from tests.faults.checking import furnish
from tests.flows.writing import HOUR, next_write, pass_
from tests.simulator.receiver import Receiver

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {{jira: {ana}}}}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: jira
    kind: jira
    site: {site}
    webhook_secrets: [hush]
    token: {token}
    {email}
    scopes: [SHOP]
    earlier: ignore
    write_back: {on}
    write_comments: {comments}
objectives:
  - slug: fast
    title: Paying is fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: "{title}", measure: {{kind: done-share}}}}
      - {{slug: KR-2, title: Ship it, measure: {{kind: done-share}}}}
rules:
  - {{slug: labelled, connection: jira, key_result: KR-1, when: {{field: labels, has: checkout}}}}
"""


@dataclass
class Stage:
    """A Jira of either face and a house."""

    house: House
    jira: Jira
    clock: SteppedClock
    receiver: Receiver
    shop: Project = field(init=False)

    def __post_init__(self) -> None:
        self.shop = self.jira.project("SHOP")
        self.jira.add_hook(url=self.receiver.url, secret="hush")

    def furnish(self, *, on: bool = True, comments: bool = False, title: str = "Ship carts") -> None:
        """Apply the configuration."""
        ana = self.jira.user("ana")
        given: dict[str, Any] = {
            "ana": ana.name if self.jira.data_center else ana.account_id,
            "email": "" if self.jira.data_center else f"email: {self.jira.email}",
            "on": str(on).lower(),
            "comments": str(comments).lower(),
            "title": title,
        }
        furnish(self.house, OKRS.format(site=self.jira.url, token=self.jira.token, **given).encode())
        self.drain()

    def hear(self) -> None:
        """Hand the house what Jira has sent so far, and drain."""
        heard, self.receiver.received = self.receiver.received, []
        for one in heard:
            headers = {name.lower(): value for name, value in one.headers.items()}
            assert self.house.receive.take("jira", Post(headers, one.body)) is Receipt.STORED
        self.drain()

    def drain(self) -> None:
        """Drain until nothing is due."""
        self.house.drains.drain_everything()

    def write(self, *, seconds: float = HOUR) -> None:
        """Let the time pass in which whatever is due is written."""
        left = seconds
        while (wait := next_write(self.house)) is not None and wait < left:
            self.pass_(wait + 0.05)
            left -= wait + 0.05
        self.pass_(max(left, 0))

    def pass_(self, seconds: float) -> None:
        """Let time pass for what waits to write, and for Jira."""
        self.clock.step(seconds)
        pass_(self.house, seconds)
        self.drain()

    def titles(self, issue: Issue) -> list[str]:
        """Give the titles of the links on an issue."""
        return [link.body["object"]["title"] for link in self.jira.remote_links.of(issue)]

    def comments(self, issue: Issue) -> list[str]:
        """Give the comments of ours on an issue, as webhooks tell of them."""
        return [one.body for one in issue.comments if one.author is self.jira.bot]

    def shown(self, issue: Issue) -> dict[str, Any]:
        """Give what the one link on an issue shows."""
        (link,) = self.jira.remote_links.of(issue)
        found: dict[str, Any] = link.body["object"]
        return found

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def row(self, issue: Issue) -> Row[Any]:
        """Give what is remembered of writing on an issue."""
        return next(row for row in self.rows(tables.write_back) if row.identity == issue.id)

    def writes(self) -> list[str]:
        """Name the writes that Jira was asked for."""
        return [call.method for call in self.calls() if call.method != "GET"]

    def calls(self, what: str = "remotelink") -> list[Call]:
        """Give the calls about links, or about comments."""
        return [call for call in self.jira.rest.calls if f"/{what}" in call.path]
