"""Frozen numbers: when they became final, and whether they were stale or partly seen then."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """Since when numbers may have been out of date, and why."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Refrozen:
    """When final numbers were computed once more, and by whom."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """How the numbers of a key result became final at a time.

    `partial` says what was not imported; `stale` since when they may have been out of date, and why; `refrozen` when
    they were computed once more, and by whom.
    """

    at: datetime
    partial: str | None = None
    stale: OutOfDate | None = None
    refrozen: Refrozen | None = None

    @property
    def marked(self) -> bool:
        """Return whether something was missing."""
        return self.partial is not None or self.stale is not None
