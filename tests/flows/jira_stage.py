"""What flow tests of asking Jira share: a simulated Jira whose webhooks nobody hears, and what befalls its issues."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import Jira, SteppedClock
from simulator.jira import Issue, Project
from simulator.jira.sketch import Sketch
from sync_service.store import polls, tables
from sync_service.store.database import reading, writing
from sync_service.wiring import House, utc_now
from tests.faults.checking import furnish

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin}}
  - {{email: bo@example.com, name: Bo Lind}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: jira
    kind: jira
    site: {site}
    owner: ana@example.com
    webhook_secrets: [hush]
    token: {token}
    {email}
    scopes: [SHOP, PAY]
    earlier: import
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: Ship it, owner: ana@example.com, measure: {{kind: done-share}}}}
      - {{slug: KR-2, title: Ship all, owner: ana@example.com, measure: {{kind: done-share}}}}
      - {{slug: KR-3, title: Ship on, owner: bo@example.com, measure: {{kind: done-share}}}}
rules:
  - {{slug: one, connection: jira, key_result: KR-1, when: {{field: labels, has: checkout}}}}
  - {{slug: two, connection: jira, key_result: KR-2, when: {{field: labels, has: checkout}}}}
  - {{slug: three, connection: jira, key_result: KR-3, when: {{field: labels, has: checkout}}}}
"""

DAY = timedelta(days=1)


@dataclass
class Stage:
    """A Jira whose webhooks nobody hears, and a house that may ask it."""

    house: House
    jira: Jira
    clock: SteppedClock
    shop: Project = field(init=False)
    pay: Project = field(init=False)
    attic: Project = field(init=False)
    heard: int = 0

    def __post_init__(self) -> None:
        self.shop, self.pay, self.attic = (self.jira.project(key) for key in ("SHOP", "PAY", "ATTIC"))

    def furnish(self) -> None:
        """Apply the configuration."""
        email = "" if self.jira.data_center else f"email: {self.jira.email}"
        written = OKRS.format(site=self.jira.url, token=self.jira.token, email=email)
        furnish(self.house, written.encode())
        for name in ("rule_revision", "recompute"):
            self.house.drains.drain(name)

    def drain(self) -> None:
        """Drain until nothing is due."""
        self.house.drains.drain_everything()

    def ask_now(self) -> None:
        """Let the time of the next run come."""
        with writing(self.house.engine) as tx:
            polls.hurry(tx)
        self.drain()

    def hear(self) -> None:
        """Receive what webhooks told, each message once."""
        now = utc_now()
        told = [one.parcel for one in self.jira.deliveries[self.heard :]]
        self.heard += len(told)
        rows = [
            {
                "connection_id": self.rows(tables.connection)[0].id,
                "delivery_id": parcel.id,
                "received_at": now,
                "due_at": now - timedelta(seconds=1),
                "headers": {name.lower(): value for name, value in parcel.headers.items()},
                "body": parcel.body,
            }
            for parcel in told
        ]
        with writing(self.house.engine) as tx:
            tx.execute(sa.insert(tables.delivery), rows)

    def be_away(self, time: timedelta = DAY) -> None:
        """Let all that we know be so old."""
        with writing(self.house.engine) as tx:
            tx.execute(sa.update(tables.poll).values(done_at=utc_now() - time))
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - time))

    def value(self) -> float:
        """Give the key result's value."""
        return float(self.rows(tables.key_result)[0].current)

    def rows_of_pauses(self) -> list[Row[Any]]:
        """Read the pauses, which have no ids."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(tables.pause)))

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))


def labelled(number: int) -> Sketch:
    """Sketch an issue that counts."""
    return Sketch(summary=f"Pay {number}", labels=("checkout",), status="Done" if number % 4 == 0 else "To Do")


Standing = tuple[bool, bool]
"""Whether an issue counts, and whether it is done."""


def standing(issue: Issue) -> Standing:
    """Say how an issue stands now."""
    dropped = issue.resolution is not None and issue.resolution.name == "Won't Do"
    return "checkout" in issue.labels and not dropped, issue.status.category.key == "done"


def share(standings: list[Standing]) -> float:
    """Say what the key result's value ought to be."""
    counted = [done for counts, done in standings if counts]
    return 100 * sum(counted) / len(counted)


def change(issue: Issue, chance: random.Random) -> None:
    """Change an issue somehow."""
    act = chance.random()
    if act < 0.15:
        (issue.unlabel if "checkout" in issue.labels else issue.label)("checkout")
    elif act < 0.3:
        issue.edit(summary=f"Pay {chance.random()}")
    elif issue.status.category.key == "done":
        issue.reopen()
    elif act < 0.4:
        issue.drop()
    else:
        issue.finish()
