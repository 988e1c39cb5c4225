"""Closing date of an issue: decided once, from the tracker's dates and from what we saw; kept until it is reopened.

A tracker's date counts when it agrees with what we saw: not before the last time at which the issue was open, and not
after the snapshot that has it. Jira may keep the resolution of an earlier closing, and Data Center may give no date at
all. Otherwise the first moment at which we know the issue closed counts. The earliest such date stays, whatever changes
later, unless the tracker sets its date at each closing and never otherwise: then a later date says that the issue was
reopened, or closed for another reason, in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sync_service.domain.durations import MICROSECOND

MOST_KEPT = 16
"""Most snapshots of a closed issue whose dates are kept: the first one and the last ones."""


class ClosingSource(StrEnum):
    """Where a closing date comes from: the tracker, or the first snapshot that we know to be closed."""

    TRACKER = "tracker"
    FIRST_SEEN = "first_seen"


@dataclass(frozen=True, slots=True, order=True)
class ClosedSeen:
    """A snapshot of a closed issue: its time `at`, and the tracker's dates of the closing, the preferred one first.

    `dated_anew`: the tracker sets the first date at each closing, and only then. It is not stored: what follows from it
    is in the history.
    """

    at: datetime
    dates: tuple[datetime, ...] = ()
    dated_anew: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ClosingHistory:
    """What decides the closing date: until when the issue was surely open, and the snapshots of it closed since.

    The same snapshots in any order give the same history, as long as there are at most `MOST_KEPT`.
    """

    open_at: datetime | None = None
    closed: tuple[ClosedSeen, ...] = ()

    def with_open(self, at: datetime, *, fetched: bool = False) -> "ClosingHistory":
        """Note that the issue was open at a time. A fetch is newer than what was seen at the same time."""
        last = at + MICROSECOND if fetched else at
        open_at = last if self.open_at is None else max(last, self.open_at)
        return self if open_at == self.open_at else ClosingHistory(open_at, _kept(self.closed, open_at))

    def with_closed(self, seen: ClosedSeen, *, fetched: bool = False) -> "ClosingHistory":
        """Note that the issue was closed at a time. A fetch is newer than what was seen at the same time."""
        open_at = seen.at if fetched and self.open_at == seen.at + MICROSECOND else self.open_at
        if seen.dated_anew and seen.dates and seen.dates[0] <= seen.at:
            open_at = seen.dates[0] if open_at is None else max(seen.dates[0], open_at)
        closed = _kept({*self.closed, seen}, open_at)
        return self if (open_at, closed) == (self.open_at, self.closed) else ClosingHistory(open_at, closed)

    def until(self, at: datetime) -> "ClosingHistory":
        """Drop what was seen later than a time: the tracker no longer has it."""
        open_at = None if self.open_at is None else min(self.open_at, at)
        return replace(self, open_at=open_at, closed=tuple(seen for seen in self.closed if seen.at <= at))

    def date(self) -> tuple[datetime, ClosingSource] | None:
        """Return the closing date and where it comes from; None when no closing was seen since it was open."""
        return min((self._date_of(seen) for seen in self.closed), key=_earliest_then_tracker, default=None)

    def _date_of(self, seen: ClosedSeen) -> tuple[datetime, ClosingSource]:
        for date in seen.dates:
            if date <= seen.at and (self.open_at is None or date >= self.open_at):
                return date, ClosingSource.TRACKER
        return seen.at, ClosingSource.FIRST_SEEN


NOTHING_SEEN = ClosingHistory()


def _kept(closed: Iterable[ClosedSeen], open_at: datetime | None) -> tuple[ClosedSeen, ...]:
    since = sorted(seen for seen in closed if open_at is None or seen.at >= open_at)
    return tuple(since if len(since) <= MOST_KEPT else [since[0], *since[1 - MOST_KEPT :]])


def _earliest_then_tracker(found: tuple[datetime, ClosingSource]) -> tuple[datetime, bool]:
    return found[0], found[1] is ClosingSource.FIRST_SEEN
