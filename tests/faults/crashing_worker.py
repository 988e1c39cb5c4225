"""A crashing worker, in this process: it crashes after a given number of SQL statements."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_service.runtime.wiring import Services, utc_now
from tests.faults.nemesis import end_leases
from tests.support.services import build_services


class SimulatedCrash(BaseException):
    """Simulated crash of a worker, in the middle of its work."""


@dataclass(slots=True)
class CrashingWorker:
    """A worker that crashes after a given number of statements; a new one then continues."""

    database_url: str
    directory: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    left: int | None = None
    crashes: int = 0
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self._start()

    def drain(self, *, crash_after: list[int]) -> None:
        """Drain everything, with a crash after each of these numbers of statements, which ends the leases at once."""
        for statements in crash_after:
            self.left = statements
            try:
                self.services.drains.drain_everything()
            except SimulatedCrash:
                self.crashes += 1
                self.close()
                self._start()
                end_leases(self.services.engine)
            finally:
                self.left = None
        self.services.drains.drain_everything()

    def close(self) -> None:
        """Close the connections, as the kernel does after a crash."""
        self.services.engine.dispose()
        self.services.redis.close()

    def _start(self) -> None:
        self.services = build_services(self.database_url, self.directory, clock=utc_now, **self.settings)
        sa.event.listen(self.services.engine, "before_cursor_execute", self._count_statement)
        sa.event.listen(self.services.engine, "commit", self._count_statement)

    def _count_statement(self, *_: object) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise SimulatedCrash
