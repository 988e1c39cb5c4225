"""A cycle begins, ends and freezes at midnights of its time zone, also where clocks change in between."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.status import Span
from tests.support.run_scope import LONG

ZONES = (
    *("Pacific/Pago_Pago", "America/St_Johns", "America/Sao_Paulo", "America/Havana", "UTC", "Europe/Berlin"),
    *("Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati"),
)
"""From 11 hours behind to 14 hours ahead; in some of them clocks change at midnight, or by half an hour."""

MINUTE = timedelta(minutes=1)


def first_minute_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first minute of a day by looking at a clock every minute."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    low, high = 0, 30 * 60
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if (at + middle * MINUTE).astimezone(zone).date() >= day else (middle + 1, high)
    return at + low * MINUTE


@settings(max_examples=500 if LONG else 50)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    starts=st.dates(date(2012, 1, 1), date(2027, 12, 1)),
    length=st.integers(1, 200),
    grace=st.integers(0, 9),
    minutes=st.integers(-3000, 300_000),
)
def test_days_begin_at_midnight_of_the_zone(
    zone: ZoneInfo, starts: date, length: int, grace: int, minutes: int
) -> None:
    """The oracle asks a clock when each day began, and counts hours and days one by one."""
    ends = starts + timedelta(days=length - 1)
    span = Span.of_days(starts, ends, zone)
    begin, end = first_minute_of(starts, zone), first_minute_of(ends + timedelta(days=1), zone)
    assert (span.starts_at, span.ends_at, span.days) == (begin, end, length)
    assert span.freezes_at(grace) == first_minute_of(ends + timedelta(days=1 + grace), zone)
    now = begin + minutes * MINUTE
    passed = min(max(minutes, 0), (end - begin) // MINUTE)
    assert span.elapsed(now) == passed / ((end - begin) / MINUTE)
    day = (now.astimezone(zone).date() - starts).days + 1
    assert span.day_of(now) == min(max(day, 0), length)


def test_a_cycle_with_a_change_of_clocks_is_over_at_its_end_and_no_earlier() -> None:
    """The spring has an hour less than its days have: its last hour is not the whole of it yet."""
    span = Span.of_days(date(2027, 1, 1), date(2027, 3, 31), ZoneInfo("Europe/Berlin"))
    assert span.elapsed(span.ends_at) == 1
    assert span.elapsed(span.ends_at - timedelta(hours=1)) == 1 - 1 / (90 * 24 - 1)
    assert span.freezes_at(3) == datetime(2027, 4, 3, 22, tzinfo=UTC)
