"""When the next check-in is due."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.people.cadence import Cadence, cadence_text, next_due, parse_cadence

STARTS = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("written", "last", "due"),
    [
        ("weekly", None, date(2026, 10, 8)),
        ("weekly", date(2026, 10, 20), date(2026, 10, 27)),
        ("every 2 weeks", date(2026, 12, 25), date(2027, 1, 8)),
        ("monthly", date(2026, 10, 31), date(2026, 11, 30)),
        ("monthly", date(2026, 12, 5), date(2027, 1, 5)),
        ("monthly", None, date(2026, 11, 1)),
        ("weekly", date(2026, 9, 1), date(2026, 10, 8)),
        ("none", date(2026, 10, 20), None),
    ],
)
def test_the_next_check_in_is_counted_from_the_last_one_or_the_first_day(
    written: str, last: date | None, due: date | None
) -> None:
    """A month later is the same day, or the last one of a shorter month."""
    assert next_due(parse_cadence(written), last, starts=STARTS) == due


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_a_month_later_is_in_the_next_month(last: date) -> None:
    """Whatever the day."""
    due = next_due(Cadence(months=1), last, starts=date(2019, 1, 1))
    assert due is not None
    assert (due.year * 12 + due.month) - (last.year * 12 + last.month) == 1
    assert due.day == last.day or (due + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("written", "last", "words"),
    [
        ("weekly", date(2026, 10, 21), "checked in weekly; last 9 days ago: due"),
        ("weekly", date(2026, 10, 23), "checked in weekly; last 7 days ago: due"),
        ("every 2 weeks", date(2026, 10, 29), "checked in every 2 weeks; last 1 day ago: next in 13 days"),
        ("monthly", None, "checked in monthly; no check-in yet: next in 2 days"),
        ("weekly", date(2026, 10, 30), "checked in weekly; last today: next in 7 days"),
        ("none", None, ""),
    ],
)
def test_a_cadence_says_when_the_last_check_in_was_and_when_the_next_is(
    written: str, last: date | None, words: str
) -> None:
    """It is the 30th of October."""
    assert cadence_text(parse_cadence(written), last, starts=STARTS, today=date(2026, 10, 30)) == words
