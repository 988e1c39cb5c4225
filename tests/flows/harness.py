"""Harness of flow tests: services in this process; make rows due, drain, and read the results."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github import Issue, Repository
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.jobs import polls
from sync_service.store.tables.instant import EPOCH
from sync_service.tracker_sync.match_queries import INDEX_LAG
from tests.faults.crashing_worker import SimulatedCrash
from tests.faults.oracle_check import furnish


def clock_of(ago: timedelta = timedelta(0)) -> SteppedClock:
    """Return a stepped clock for a tracker, at a whole second `ago` before now."""
    return SteppedClock(datetime.now(UTC).replace(microsecond=0) - ago)


@dataclass
class ServicesHarness:
    """Services in this process."""

    services: Services

    def apply(self, file: bytes) -> None:
        """Apply a configuration file, and clear the connection cache."""
        furnish(self.services, file)
        self.services.connections.clear_cache()

    def drain(self, *names: str) -> None:
        """Drain these tables once, in order; without names, drain all until nothing is due."""
        for name in names:
            self.services.drains.drain(name)
        if not names:
            self.services.drains.drain_everything()

    def poll_now(self) -> None:
        """Make all polls due now, and drain."""
        with writing(self.services.engine) as tx:
            polls.hurry(tx)
        self.drain()

    def list_now(self) -> None:
        """Make all listings due now, and drain."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
        self.drain()

    def list_later(self) -> None:
        """Run the listings as if all matches of single issues were an hour old."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.query_member).values(matched_at=database_now(tx) - timedelta(hours=1)))
        self.list_now()

    def pass_a_minute(self) -> None:
        """Move the changes of issues a minute into the past: then the search index is asked again."""
        with writing(self.services.engine) as tx:
            late = {"due_at": EPOCH, "changed_at": database_now(tx) - INDEX_LAG}
            tx.execute(
                sa.update(tables.query_candidate).where(tables.query_candidate.c.settled_at.is_(None)).values(late)
            )

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[Row[Any]]:
        """Return the rows of a table, ordered by id."""
        with reading(self.services.engine) as tx:
            return list(tx.execute(sa.select(table).where(*where).order_by(table.c.id)))

    def wait_of(self, row: Row[Any]) -> timedelta:
        """Return for how long a row waits."""
        with reading(self.services.engine) as tx:
            wait: timedelta = row.due_at - database_now(tx)
        return wait

    def key_result(self) -> Row[Any]:
        """Return the row of the first key result."""
        return self.rows(tables.key_result)[0]

    def value(self) -> float | None:
        """Return the value of the first key result."""
        found: float | None = self.key_result().current
        return found

    def linked(self) -> list[str]:
        """Return the keys of linked issues, one for each link."""
        found = sa.select(tables.issue.c.key).join(tables.link, tables.link.c.issue_id == tables.issue.c.id)
        with reading(self.services.engine) as tx:
            return sorted(tx.scalars(found))


@dataclass
class GitHubHarness(ServicesHarness):
    """Services, and a simulated GitHub with one repository."""

    hub: GitHub
    clock: SteppedClock
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")

    def open_issues(self, count: int, *, apart: float = 0) -> list[Issue]:
        """Open issues with the label `checkout`, `apart` seconds after each other."""
        opened = []
        for number in range(count):
            self.clock.step(apart)
            opened.append(self.repository.create_issue(f"Pay {number}", labels=["checkout"]))
        return opened


def drain_with_crashes(services: Services, table: sa.Table) -> int:
    """Drain a table, crashing once before each statement, until nothing is due; return the number of crashes."""
    crashes, left = 0, 0

    def die(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SimulatedCrash

    sa.event.listen(services.engine, "before_cursor_execute", die)
    survived = 0
    while survived < 2:
        left = 3 + crashes
        try:
            survived = 0 if services.drains.by_table[table.name]() else survived + 1
        except SimulatedCrash:
            crashes += 1
        left = 10**6
        with writing(services.engine) as tx:
            tx.execute(sa.update(table).where(table.c.lease.isnot(None)).values(due_at=EPOCH))
    sa.event.remove(services.engine, "before_cursor_execute", die)
    return crashes
