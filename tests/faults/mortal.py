"""A worker that dies after as many statements as a test says, in this process: at every moment that can matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_service.wiring import House, utc_now
from tests.faults.nemesis import end_leases
from tests.house import build_house


class Killed(BaseException):
    """The end of a worker, in the middle of whatever it did."""


@dataclass(slots=True)
class Mortal:
    """A worker that can be told after how many statements to die; another one like it then goes on."""

    database_url: str
    directory: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    left: int | None = None
    deaths: int = 0
    house: House = field(init=False)

    def __post_init__(self) -> None:
        self._be_born()

    def drain(self, *, dying_after: list[int]) -> None:
        """Drain everything, dying on the way; leases of the dead end at once."""
        for statements in dying_after:
            self.left = statements
            try:
                self.house.drains.drain_everything()
            except Killed:
                self.deaths += 1
                self.close()
                self._be_born()
                end_leases(self.house.engine)
            finally:
                self.left = None
        self.house.drains.drain_everything()

    def close(self) -> None:
        """Close the connections, as the kernel does for a dead process."""
        self.house.engine.dispose()
        self.house.redis.close()

    def _be_born(self) -> None:
        self.house = build_house(self.database_url, self.directory, clock=utc_now, **self.settings)
        sa.event.listen(self.house.engine, "before_cursor_execute", self._live_on)
        sa.event.listen(self.house.engine, "commit", self._live_on)

    def _live_on(self, *_: object) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed
