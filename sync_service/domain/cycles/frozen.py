"""Frozen numbers: when they became final, and whether they were stale or partly seen then."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Since:
    """A time, and the reason or the person."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """How the numbers of a key result became final at a time.

    `partial` says what was not imported; `stale` since when they may have been out of date, and why; `refrozen` when
    they were computed once more, and by whom.
    """

    at: datetime
    partial: str | None = None
    stale: Since | None = None
    refrozen: Since | None = None

    @property
    def marked(self) -> bool:
        """Return whether something was missing."""
        return self.partial is not None or self.stale is not None
