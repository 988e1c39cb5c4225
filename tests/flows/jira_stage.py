"""What flow tests of asking Jira share: a simulated Jira whose webhooks nobody hears, and what befalls its issues."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from simulator import Jira, SteppedClock
from simulator.jira import Issue, Project
from simulator.jira.sketch import Sketch
from sync_service.store import tables
from sync_service.store.database import writing
from sync_service.wiring import utc_now
from tests.flows.stage import HouseStage

DAY = timedelta(days=1)


@dataclass
class JiraStage(HouseStage):
    """A Jira with two projects that are watched and one that is not, whose webhooks nobody hears, and a house."""

    jira: Jira
    clock: SteppedClock
    shop: Project = field(init=False)
    pay: Project = field(init=False)
    attic: Project = field(init=False)
    heard: int = 0

    def __post_init__(self) -> None:
        self.shop, self.pay, self.attic = (self.jira.project(key) for key in ("SHOP", "PAY", "ATTIC"))

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
