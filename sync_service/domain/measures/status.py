"""Status of a key result: compare its progress with the elapsed share of the cycle (expected progress, pace)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from sync_service.domain.durations import DAY, MICROSECOND


class Status(StrEnum):
    """The status of a key result."""

    NOT_STARTED = "not_started"
    NO_DATA = "no_data"
    PARTIAL = "partial"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    BEHIND = "behind"
    COMPLETED = "completed"
    CLOSED = "closed"


STATUS_TEXT: Mapping[Status, str] = {
    Status.NOT_STARTED: "not started",
    Status.NO_DATA: "no data",
    Status.PARTIAL: "partly seen",
    Status.ON_TRACK: "on track",
    Status.AT_RISK: "at risk",
    Status.BEHIND: "behind",
    Status.COMPLETED: "completed",
    Status.CLOSED: "closed",
}

GRACE_DAYS = 3
"""The numbers of a cycle freeze this many days after its last day, unless the organisation says otherwise."""

DAYS_AT_RISK = 7
"""A value out of its range is at risk on this many days, the first included; then it is behind."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many percentage points below the expected progress a key result is at risk, and behind."""

    at_risk: float = 10.0
    behind: float = 25.0


DEFAULT_THRESHOLDS = Thresholds()
"""The thresholds where neither a team nor the organisation has any."""


@dataclass(frozen=True, slots=True)
class Span:
    """A cycle: its first moment, and the first moment after it. Its days, and those of grace, are those of `zone`."""

    starts_at: datetime
    ends_at: datetime
    zone: tzinfo = UTC

    @classmethod
    def of_days(cls, starts: date, ends: date, zone: tzinfo) -> "Span":
        """Return the span from the first day through the last one in a time zone."""
        return cls(_midnight(starts, zone), _midnight(ends + DAY, zone), zone)

    @property
    def days(self) -> int:
        """The number of days."""
        return (self._day_of(self.ends_at - MICROSECOND) - self._day_of(self.starts_at)).days + 1

    def day_of(self, now: datetime) -> int:
        """Return the day of the cycle, the first is 1; 0 before it, and the last one after it."""
        if now < self.starts_at:
            return 0
        return min((self._day_of(now) - self._day_of(self.starts_at)).days + 1, self.days)

    def elapsed(self, now: datetime) -> float:
        """Return the elapsed share of the cycle, 0…1."""
        return min(max((now - self.starts_at) / (self.ends_at - self.starts_at), 0.0), 1.0)

    def frozen(self, now: datetime, grace_days: int = GRACE_DAYS) -> bool:
        """Return whether the numbers of the cycle are final."""
        return now >= self.freezes_at(grace_days)

    def freezes_at(self, grace_days: int = GRACE_DAYS) -> datetime:
        """Return when the numbers of the cycle become final: when the days of grace are over."""
        return _midnight(self._day_of(self.ends_at - MICROSECOND) + timedelta(days=grace_days + 1), self.zone)

    def _day_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What decides a status beside the progress. `span` is the cycle in the time zone of the key result's team.

    `closed`: its numbers are final. `only_dropped`: nothing is done and something was dropped, which does not count
    as done. `days_outside` counts the days out of the range, today included, where it `stays` in one.
    """

    span: Span
    now: datetime
    partial: bool = False
    closed: bool = False
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    only_dropped: bool = False
    stays: bool = False
    days_outside: int = 0


def status(progress: float | None, pace: Pace) -> Status:
    """Return the status for this progress (a fraction) at this moment of the cycle: the first that holds."""
    if pace.closed:
        return Status.CLOSED
    if pace.now < pace.span.starts_at:
        return Status.NOT_STARTED
    if pace.partial:
        return Status.PARTIAL
    if progress is None:
        return Status.NO_DATA
    return _in_range(progress, pace.days_outside) if pace.stays else _toward_target(progress, pace)


def _in_range(progress: float, days_outside: int) -> Status:
    if progress >= 1:
        return Status.ON_TRACK
    return Status.BEHIND if days_outside > DAYS_AT_RISK else Status.AT_RISK


def _toward_target(progress: float, pace: Pace) -> Status:
    if progress >= 1:
        return Status.ON_TRACK if pace.only_dropped else Status.COMPLETED
    points_below = round(100 * (pace.span.elapsed(pace.now) - progress), 4)
    if points_below > pace.thresholds.behind:
        return Status.BEHIND
    return Status.AT_RISK if points_below > pace.thresholds.at_risk else Status.ON_TRACK


def proposed_outcome(progress: float | None) -> str | None:
    """Return the outcome that is proposed for a closed key result; None without data. Only a person says `dropped`."""
    if progress is None:
        return None
    return "achieved" if progress >= 1 else "missed"
