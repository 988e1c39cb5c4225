"""Harness for polls of Jira: a simulated Jira without a webhook receiver, and random changes of its issues."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from simulator import Jira, SteppedClock
from simulator.jira import Issue, Project
from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.runtime.wiring import utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.flows.harness import ServicesHarness

DAY = timedelta(days=1)


@dataclass
class JiraHarness(ServicesHarness):
    """A Jira with two watched projects and one unwatched, and services; call `receive_webhooks` to deliver webhooks."""

    jira: Jira
    clock: SteppedClock
    shop: Project = field(init=False)
    pay: Project = field(init=False)
    attic: Project = field(init=False)
    received: int = 0

    def __post_init__(self) -> None:
        self.shop, self.pay, self.attic = (self.jira.project(key) for key in ("SHOP", "PAY", "ATTIC"))

    def receive_webhooks(self) -> None:
        """Insert the tracker's new deliveries into the inbox, each one once."""
        now = utc_now()
        requests = [one.request for one in self.jira.deliveries[self.received :]]
        self.received += len(requests)
        rows = [
            {
                "connection_id": self.rows(tables.connection)[0].id,
                "delivery_id": request.id,
                "received_at": now + timedelta(microseconds=number),
                "due_at": now - timedelta(seconds=1),
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": request.body,
            }
            for number, request in enumerate(requests)
        ]
        with writing(self.services.engine) as tx:
            tx.execute(sa.insert(tables.delivery), rows)


def labelled(number: int) -> BulkIssue:
    """Return an issue for bulk creation that counts; every fourth is done."""
    return BulkIssue(summary=f"Pay {number}", labels=("checkout",), status="Done" if number % 4 == 0 else "To Do")


IssueState = tuple[bool, bool]
"""Whether an issue counts, and whether it is done."""


def state(issue: Issue) -> IssueState:
    """Return whether an issue counts now, and whether it is done."""
    dropped = issue.resolution is not None and issue.resolution.name == "Won't Do"
    return "checkout" in issue.labels and not dropped, issue.status.category.key == "done"


def share(states: list[IssueState]) -> float:
    """Return the expected value of the key result."""
    counted = [done for counts, done in states if counts]
    return 100 * sum(counted) / len(counted)


def change(issue: Issue, chance: random.Random) -> None:
    """Make a random change of an issue."""
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
