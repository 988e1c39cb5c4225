"""Map each table name to its drain function, for the worker's job, the scheduler, and `drain everything` in tests."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from sync_service.store.engine.database import reading
from sync_service.store.queue import due

DRAIN_SECONDS = 20.0
"""How long one job drains one table before other tables are drained."""

CALL_SECONDS = 5.0
"""The same for a table whose drain calls trackers: they share one thread of a process."""

CALLS_TRACKERS = (
    "oauth_token",
    "fetch_request",
    "poll",
    "scheduled_task",
    "query_candidate",
    "query_listing",
    "write_back",
)
"""Tables whose drains call trackers; `call_thread.py` drains them."""


@dataclass(slots=True, kw_only=True)
class Drains:
    """The drain functions of all tables with due rows."""

    engine: Engine
    by_table: Mapping[str, Callable[[], int]]

    def drain(self, name: str) -> bool:
        """Drain a table until nothing is due or the time is over; return whether anything was due."""
        drain_once = self.by_table[name]
        ends = time.monotonic() + (CALL_SECONDS if name in CALLS_TRACKERS else DRAIN_SECONDS)
        worked = False
        while drain_once():
            worked = True
            if time.monotonic() > ends:
                break
        return worked

    def drain_while(self, name: str, wanted: Callable[[], bool], *, seconds: float = float("inf")) -> None:
        """Drain a table while something of it is wanted, due, and not taken by a worker, and the time is not over."""
        ends = time.monotonic() + seconds
        while wanted() and self.by_table[name]() and time.monotonic() < ends:
            pass

    def due(self) -> Sequence[str]:
        """Return the names of the tables with due rows."""
        with reading(self.engine) as tx:
            return due.tables_with_due_rows(tx)

    def drain_everything(self) -> None:
        """Drain until nothing is due anywhere."""
        while names := self.due():
            for name in names:
                self.drain(name)
