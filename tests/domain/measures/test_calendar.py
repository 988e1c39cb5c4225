"""Days in a zone: durations and windows, by the calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.measures.calendar import Calendar

MADRID = Calendar(ZoneInfo("Europe/Madrid"))
SHOP = Calendar(ZoneInfo("Europe/Madrid"), frozenset(range(6)), frozenset({date(2026, 10, 12)}))


def at(day: int, hour: int = 12, month: int = 10) -> datetime:
    """Return an hour of a day of 2026 in Madrid."""
    return datetime(2026, month, day, hour, tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)


@pytest.mark.parametrize(
    ("calendar", "begin", "end", "days", "expected"),
    [
        (MADRID, at(5), at(5), "calendar", 1),
        (MADRID, at(5, 23), at(6, 1), "calendar", 2),
        (MADRID, at(5), at(9), "calendar", 5),
        (MADRID, at(5), at(4), "calendar", 1),
        (MADRID, at(2), at(5), "working", 2),  # Friday to Monday
        (MADRID, at(3), at(4), "working", 1),  # Saturday and Sunday: at least 1
        (MADRID, at(9), at(13), "working", 3),
        (SHOP, at(9), at(13), "working", 3),  # Friday, Saturday, Tuesday
        (SHOP, at(9), at(12), "working", 2),  # the holiday is the last day
        (SHOP, at(12), at(13), "working", 1),  # and the first
        (SHOP, at(12), at(12), "working", 1),  # a holiday alone
        (MADRID, at(5), at(6), "elapsed", 1),
        (MADRID, at(5), at(5, 18), "elapsed", 0.25),
        (MADRID, at(6), at(5), "elapsed", 0),
        (MADRID, at(24), at(25), "elapsed", 25 / 24),  # the clocks go back
    ],
)
def test_a_duration_includes_its_first_and_its_last_day(
    calendar: Calendar, begin: datetime, end: datetime, days: str, expected: float
) -> None:
    """In the zone of the calendar; elapsed time is in days of 24 hours."""
    assert calendar.duration(begin, end, days) == expected


def test_a_window_includes_today() -> None:
    """It begins at midnight in the zone, also where the clocks changed since."""
    assert MADRID.window_starts_at(at(5), 1) == datetime(2026, 10, 4, 22, tzinfo=UTC)
    assert MADRID.window_starts_at(at(1, month=11), 30) == datetime(2026, 10, 2, 22, tzinfo=UTC)
    assert MADRID.window_starts_at(at(5, 0), 1) == at(5, 0)


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 800),
    st.frozensets(st.integers(0, 6)),
    st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31))),
)
def test_working_days_are_counted_as_one_by_one(
    first: date, length: int, working: frozenset[int], holidays: frozenset[date]
) -> None:
    """From the first to the last day, both included."""
    calendar = Calendar(ZoneInfo("UTC"), working, holidays)
    days = [first + timedelta(days=index) for index in range(length + 1)]
    expected = sum(day.weekday() in working and day not in holidays for day in days)
    assert calendar.count_working_days(first, days[-1]) == expected
