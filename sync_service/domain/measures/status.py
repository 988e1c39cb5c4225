"""Status of a key result: compare its progress with the elapsed share of the cycle (expected progress, pace)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """The status of a key result."""

    NO_DATA = "no_data"
    PARTIAL = "partial"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    BEHIND = "behind"
    COMPLETED = "completed"
    CLOSED = "closed"


STATUS_TEXT: Mapping[Status, str] = {
    Status.NO_DATA: "no data",
    Status.PARTIAL: "partly seen",
    Status.ON_TRACK: "on track",
    Status.AT_RISK: "at risk",
    Status.BEHIND: "behind",
    Status.COMPLETED: "completed",
    Status.CLOSED: "closed",
}

AT_RISK_GAP = 0.10
"""A key result this far below the expected progress is at risk."""

BEHIND_GAP = 0.25
"""A key result this far below the expected progress is behind."""

GRACE = timedelta(days=3)
"""The numbers of a cycle freeze this long after its last day."""


@dataclass(frozen=True, slots=True)
class Span:
    """A cycle: its first moment, and the first moment after it."""

    starts_at: datetime
    ends_at: datetime

    def elapsed(self, now: datetime) -> float:
        """Return the elapsed share of the cycle, 0…1."""
        return min(max((now - self.starts_at) / (self.ends_at - self.starts_at), 0.0), 1.0)

    def frozen(self, now: datetime) -> bool:
        """Return whether the numbers of the cycle are final."""
        return now >= self.ends_at + GRACE


def status(progress: float | None, *, span: Span, now: datetime, partial: bool) -> Status:
    """Return the status for this progress (a fraction) at this moment of the cycle."""
    if span.frozen(now):
        return Status.CLOSED
    if partial:
        return Status.PARTIAL
    if progress is None:
        return Status.NO_DATA
    if progress >= 1:
        return Status.COMPLETED
    gap = round(span.elapsed(now) - progress, 6)
    if gap > BEHIND_GAP:
        return Status.BEHIND
    return Status.AT_RISK if gap > AT_RISK_GAP else Status.ON_TRACK
