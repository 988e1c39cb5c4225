"""All drains by the name of their table: what a job, the clock, and `drain everything` in tests run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from sync_service.store import due
from sync_service.store.database import reading

TURN_SECONDS = 20.0
"""How long one job drains one table before it lets others have a turn."""

ASKS = ("consent", "look", "poll", "errand", "candidate", "listing", "write_back")
"""Tables whose drains wait for answers of trackers."""


@dataclass(frozen=True, slots=True)
class Drains:
    """Knows how to drain each table of due rows."""

    engine: Engine
    by_table: Mapping[str, Callable[[], int]]

    def drain(self, name: str) -> bool:
        """Drain a table until nothing is due or its turn is over; tell whether anything was.

        Whatever asks trackers takes its time: it lets deliveries go first.
        """
        drain_once = self.by_table[name]
        ends = time.monotonic() + TURN_SECONDS
        worked = False
        while drain_once():
            worked = True
            if time.monotonic() > ends or (name in ASKS and "delivery" in self.due()):
                break
        return worked

    def due(self) -> Sequence[str]:
        """Name the tables with due rows."""
        with reading(self.engine) as tx:
            return due.tables_with_due_rows(tx)

    def drain_everything(self) -> None:
        """Drain until nothing is due anywhere."""
        while names := self.due():
            for name in names:
                self.drain(name)
