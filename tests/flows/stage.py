"""A house in this process, and what flow tests do to it: let times come, drain, and read what came of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from sync_service.store import polls, tables
from sync_service.store.database import database_now, reading, writing
from sync_service.wiring import House
from tests.faults.checking import furnish


def clock_of(ago: timedelta = timedelta(0)) -> SteppedClock:
    """Give a tracker's clock, which stands at a whole second."""
    return SteppedClock(datetime.now(UTC).replace(microsecond=0) - ago)


@dataclass
class Stage:
    """A house."""

    house: House

    def apply(self, file: bytes) -> None:
        """Apply a configuration file, which this process knows of at once."""
        furnish(self.house, file)
        self.house.connections.forget()

    def drain(self, *names: str) -> None:
        """Drain these tables, one after the other, else all until nothing is due."""
        for name in names:
            self.house.drains.drain(name)
        if not names:
            self.house.drains.drain_everything()

    def ask_now(self) -> None:
        """Let the time of the next run come for each scope, and drain."""
        with writing(self.house.engine) as tx:
            polls.hurry(tx)
        self.drain()

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def wait_of(self, row: Row[Any]) -> timedelta:
        """Tell for how long a row waits."""
        with reading(self.house.engine) as tx:
            wait: timedelta = row.due_at - database_now(tx)
        return wait

    def key_result(self) -> Row[Any]:
        """Give the row of the first key result."""
        return self.rows(tables.key_result)[0]

    def value(self) -> float | None:
        """Give the value of the first key result."""
        found: float | None = self.key_result().current
        return found

    def linked(self) -> list[str]:
        """Give the keys of linked issues, once for each link."""
        found = sa.select(tables.issue.c.key).join(tables.link, tables.link.c.issue_id == tables.issue.c.id)
        with reading(self.house.engine) as tx:
            return sorted(tx.scalars(found))


@dataclass
class HubStage(Stage):
    """A house, and a simulated GitHub with one repository."""

    hub: GitHub
    clock: SteppedClock
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")
