"""Days in a time zone: durations in calendar days, working days or fractions of days, and where windows begin."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from sync_service.domain.durations import DAY

MONDAY_TO_FRIDAY = frozenset(range(5))
"""Working days as `date.weekday` numbers them."""


@dataclass(frozen=True)
class Calendar:
    """The days of a team: its time zone, its working days (0 is Monday) and its holidays."""

    zone: ZoneInfo
    working_days: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()

    def day_of(self, at: datetime) -> date:
        """Return the day of a moment."""
        return at.astimezone(self.zone).date()

    def duration(self, begin: datetime, end: datetime, days: str = "calendar") -> float:
        """Return the number of days from one moment to another, both days included, at least 1.

        `working` counts only working days; `elapsed` is in fractions of 24 hours, at least 0.
        """
        if days == "elapsed":
            return max((end.astimezone(UTC) - begin.astimezone(UTC)) / DAY, 0.0)
        first, last = self.day_of(begin), self.day_of(end)
        count = self.count_working_days(first, last) if days == "working" else (last - first).days + 1
        return float(max(count, 1))

    def count_working_days(self, first: date, last: date) -> int:
        """Return how many working days there are from one day to another, both included."""
        days = (last - first).days + 1
        if days <= 0:
            return 0
        weeks, rest = divmod(days, 7)
        in_rest = sum((first + timedelta(days=index)).weekday() in self.working_days for index in range(rest))
        off = bisect_right(self._days_off, last) - bisect_left(self._days_off, first)
        return weeks * len(self.working_days) + in_rest - off

    @cached_property
    def _days_off(self) -> Sequence[date]:
        """Return the holidays on days that were working days otherwise, in order."""
        return sorted(day for day in self.holidays if day.weekday() in self.working_days)

    def window_starts_at(self, at: datetime, days: int) -> datetime:
        """Return the first moment of a window of so many days, the day of `at` included."""
        first = self.day_of(at) - timedelta(days=days - 1)
        return datetime.combine(first, time.min, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True)
class CachingCalendar(Calendar):
    """A calendar that caches durations: a line asks for the same ones on each of its days."""

    def duration(self, begin: datetime, end: datetime, days: str = "calendar") -> float:
        """Return the number of days from one moment to another, as a calendar does."""
        return self._cached_days(begin, end, days)

    @cached_property
    def _cached_days(self) -> Callable[[datetime, datetime, str], float]:
        return lru_cache(maxsize=20_000)(super().duration)
