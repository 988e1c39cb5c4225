"""The next cycle that is proposed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.okrs.next_cycle import next_cycle


@pytest.mark.parametrize(
    ("today", "ends", "name", "starts", "last"),
    [
        (date(2026, 11, 10), [], "Q4 2026", date(2026, 10, 1), date(2026, 12, 31)),
        (date(2026, 11, 10), [date(2026, 12, 31)], "Q1 2027", date(2027, 1, 1), date(2027, 3, 31)),
        (date(2026, 11, 10), [date(2026, 9, 30)], "Q4 2026", date(2026, 10, 1), date(2026, 12, 31)),
        (date(2026, 11, 10), [date(2026, 12, 31), date(2026, 1, 31)], "Q1 2027", date(2027, 1, 1), date(2027, 3, 31)),
        (date(2026, 11, 10), [date(2026, 10, 31)], "Nov 2026", date(2026, 11, 1), date(2027, 1, 31)),
        (date(2026, 11, 10), [date(2027, 11, 29)], "Nov 2027", date(2027, 11, 30), date(2028, 2, 29)),
    ],
)
def test_the_next_cycle_follows_the_last_one(
    today: date, ends: list[date], name: str, starts: date, last: date
) -> None:
    """Else it is the present quarter."""
    found = next_cycle(today, ends)
    assert (found.name, found.starts, found.ends) == (name, starts, last)


@given(
    today=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    ends=st.lists(st.dates(date(2000, 1, 1), date(2100, 1, 1)), max_size=3),
)
def test_a_proposed_cycle_has_three_months_and_overlaps_none(today: date, ends: list[date]) -> None:
    """It begins after the last one, and is not over."""
    found = next_cycle(today, ends)
    assert all(found.starts > one for one in ends)
    assert timedelta(days=88) <= found.ends - found.starts <= timedelta(days=92)
    assert found.ends >= today
