"""A simulated GitHub that is written to, and a house that hears its webhooks; time passes as a test lets it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github import Comment, Issue
from simulator.github.repository import Repository
from simulator.rest import Call
from sync_service.domain.connectors import Post
from sync_service.receive import Receipt
from sync_service.store import tables
from sync_service.store.database import database_now, reading, writing
from sync_service.wiring import House
from tests.faults.checking import furnish
from tests.simulator.receiver import Receiver

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {{github: AnaRuiz}}}}
  - {{email: vic@example.com, name: Vic Ewer, role: viewer, accounts: {{github: vic}}}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: gh
    kind: github
    site: {site}
    webhook_secrets: [hush]
    {credentials}
    scopes: [acme/checkout]
    earlier: ignore
    write_back: {on}
objectives:
  - slug: fast
    title: Paying is fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: "{title}", measure: {{kind: done-share}}}}
      - {{slug: KR-2, title: Ship it, measure: {{kind: done-share}}}}
rules:
  - {{slug: labelled, connection: gh, key_result: KR-1, when: {{field: labels, has: checkout}}}}
"""

HOUR = 3600.0
_TIMES = {
    "write_back": ("due_at", "slot_at", "written_at"),
    "write_round": ("due_at",),
    "pause": ("until",),
}


def pass_(house: House, seconds: float) -> None:
    """Let time pass for what waits to write."""
    moved = round(seconds * 1_000_000)
    with writing(house.engine) as tx:
        for table, columns in _TIMES.items():
            sets = ", ".join(f"{name} = {name} - {moved}" for name in columns)
            held = "" if table == "pause" else " WHERE lease IS NULL"
            tx.execute(sa.text(f"UPDATE {table} SET {sets}{held}"))  # noqa: S608 - names of our own tables


def next_write(house: House) -> float | None:
    """Tell in how many seconds an issue is due next; None where none is."""
    w = tables.write_back.c
    with reading(house.engine) as tx:
        due_at: datetime | None = tx.scalar(sa.select(sa.func.min(w.due_at)))
        return None if due_at is None else max((due_at - database_now(tx)) / timedelta(seconds=1), 0.0)


@dataclass
class Stage:
    """A GitHub and a house; `credentials` are those of the connection as a line of the file."""

    house: House
    hub: GitHub
    clock: SteppedClock
    receiver: Receiver
    credentials: str = ""
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")
        self.hub.add_hook(self.repository, url=self.receiver.url, secret="hush")
        self.receiver.forget()
        self.credentials = self.credentials or f"token: {self.hub.token}"

    def furnish(self, *, on: bool = True, title: str = "Ship carts") -> None:
        """Apply the configuration."""
        given = {"credentials": self.credentials, "on": str(on).lower(), "title": title}
        furnish(self.house, OKRS.format(site=self.hub.api_url, **given).encode())
        self.drain()

    def hear(self) -> None:
        """Hand the house what GitHub has sent so far, and drain."""
        heard, self.receiver.received = self.receiver.received, []
        for one in heard:
            headers = {name.lower(): value for name, value in one.headers.items()}
            assert self.house.receive.take("gh", Post(headers, one.body)) is Receipt.STORED
        self.drain()

    def drain(self) -> None:
        """Drain until nothing is due."""
        self.house.drains.drain_everything()

    def pass_(self, seconds: float) -> None:
        """Let time pass for what waits to write, and for GitHub."""
        self.clock.step(seconds)
        pass_(self.house, seconds)
        self.drain()

    def write(self, *, seconds: float = HOUR) -> None:
        """Let the time pass in which whatever is due is written."""
        left = seconds
        while (wait := next_write(self.house)) is not None and wait < left:
            self.pass_(wait + 0.05)
            left -= wait + 0.05
        self.pass_(max(left, 0))

    def said(self, issue: Issue) -> list[str]:
        """Give the comments that bear our mark."""
        return [one.body for one in self.marked(issue)]

    def marked(self, issue: Issue) -> Sequence[Comment]:
        """Give our comments on an issue."""
        return [one for one in issue.comments if "<!-- okr-sync:" in one.body]

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def row(self, issue: Issue) -> Row[Any]:
        """Give what is remembered of writing on an issue."""
        identity = f"{issue.repository.id}#{issue.number}"
        return next(row for row in self.rows(tables.write_back) if row.identity == identity)

    def writes(self) -> int:
        """Count the writes that GitHub was asked for."""
        return len([call for call in self.comment_calls() if call.method != "GET"])

    def comment_calls(self) -> list[Call]:
        """Give the calls about comments."""
        return [call for call in self.hub.rest.calls if "comments" in call.path]
