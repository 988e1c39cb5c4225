"""Numbers that are published for forecasts, durations and working days come out as they are published."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.forecasts.convolution import covered, sums
from sync_service.domain.forecasts.distribution import Distribution
from sync_service.domain.forecasts.goal import History, Position
from sync_service.domain.forecasts.samples import Week, within_range
from sync_service.domain.measures.calendar import Calendar

CALENDAR = Calendar(ZoneInfo("Europe/Madrid"))
WEEKLY = Counter([1, 3, 5, 3, 7, 8, 0, 5, 3, 1, 8, 2])
DIE = Counter(range(1, 7))


def weeks_needed(steps: Counter[int], distance: int) -> Distribution[int]:
    """Return how many draws cover a distance, with the chances scaled to whole numbers."""
    chances = list(covered(steps, distance, 104))
    whole = max(one.denominator for one in chances)
    return Distribution.of(
        {week: int((one - before) * whole) for week, (before, one) in enumerate(pairwise(chances), 1)}
    )


def test_percentiles_of_when_ascend() -> None:
    """The smallest number of periods by which so many trials have ended."""
    trials = Distribution.of({3: 1, 4: 2, 5: 3, 6: 2, 7: 1, 9: 1})
    assert [trials.percentile(one) for one in (8, 30, 50, 70, 85, 95)] == [3, 4, 5, 6, 7, 9]
    chances = [100 * trials.at_most(one) for one in (2, 3, 4, 5, 6, 7, 8, 12)]
    assert chances == [0, 10, 30, 60, 80, 90, 90, 100]


def test_percentiles_of_how_many_descend() -> None:
    """The greatest number that is reached with so many percent."""
    trials = Distribution.of({9: 1, 7: 2, 5: 4, 4: 2, 3: 1})
    assert [trials.reached(one) for one in (10, 30, 50, 70, 85, 92)] == [9, 7, 5, 5, 4, 3]


def test_a_number_is_reached_by_all_greater_ones() -> None:
    """Also one that never comes."""
    trials = Distribution.of({3: 10, 5: 20, 8: 70})
    assert [100 * trials.at_least(one) for one in (3, 4, 5, 9)] == [100, 90, 90, 0]


def test_weeks_for_a_backlog_of_105() -> None:
    """From twelve weeks of throughput."""
    weeks = weeks_needed(WEEKLY, 105)
    assert [weeks.percentile(one) for one in (50, 70, 85, 95)] == [28, 30, 32, 34]
    assert float(weeks.mean) == pytest.approx(27.998, abs=0.0005)


def test_throws_of_a_die_for_a_backlog_of_20() -> None:
    """Each number of throws with its chance, exactly."""
    throws, chances = weeks_needed(DIE, 20), list(covered(DIE, 20, 20))
    assert chances[3] == 0 < chances[4] == Fraction(35, 648)
    assert chances[19] == 1 - Fraction(1, 6**19)
    assert chances[20] == 1
    assert [throws.percentile(one) for one in (50, 85, 95)] == [6, 7, 8]
    assert float(throws.mean) == pytest.approx(6.190195, abs=5e-7)
    found = [float(one - before) for before, one in pairwise(chances[4:9])]
    assert found == pytest.approx([0.251157, 0.331726, 0.225941, 0.098294], abs=5e-7)


def test_the_sum_of_two_dice() -> None:
    """As everybody knows it."""
    assert list(sums(DIE, 2).counts) == [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [
        ("01-14", "01-20", 7),
        ("01-21", "01-22", 2),
        ("01-22", "01-22", 1),
        ("01-20", "01-23", 4),
        ("01-22", "02-02", 12),
    ],
)
def test_a_duration_includes_its_first_and_last_day(begin: str, end: str, days: int) -> None:
    """In one time zone."""
    first, last = (datetime.fromisoformat(f"2015-{day}T12:00").replace(tzinfo=UTC) for day in (begin, end))
    assert CALENDAR.duration(first, last) == days


def test_a_duration_that_ends_before_its_start_is_a_day() -> None:
    """Clocks of trackers differ."""
    assert CALENDAR.duration(datetime(2015, 1, 22, tzinfo=UTC), datetime(2015, 1, 20, tzinfo=UTC)) == 1


def test_percentiles_of_149_cycle_times() -> None:
    """By nearest rank: interpolation would give 10.8 for the last."""
    counts = {0: 2, 1: 36, 2: 28, 3: 14, 4: 14, 5: 13, 6: 11, 7: 11, 8: 9, 9: 3, 12: 1, 13: 5, 14: 1, 15: 1}
    times = Distribution.of(counts)
    assert times.whole == 149
    assert [times.percentile(one) for one in (50, 70, 85, 95)] == [3, 5, 7, 12]


def test_a_burn_up_is_cumulative() -> None:
    """Scope and done, at the end of each period."""
    periods = [Week(added=1), Week(added=1), Week(added=1), Week(added=1), Week(), Week(done=1)]
    after: Sequence[Position] = History(Position.of(0, 0), periods).positions[1:]
    assert [(int(one.scope), int(one.done)) for one in after] == [(1, 0), (2, 0), (3, 0), (4, 0), (4, 0), (4, 1)]


def test_working_days_of_2011() -> None:
    """Monday to Friday of January and of the year, and its Saturdays."""
    first, last = date(2011, 1, 1), date(2011, 12, 31)
    assert CALENDAR.count_working_days(first, date(2011, 1, 31)) == 21
    assert CALENDAR.count_working_days(first, last) == 260
    assert Calendar(CALENDAR.zone, working_days=frozenset([5])).count_working_days(first, last) == 53


@pytest.mark.parametrize(("known", "percent"), [(3, 50), (5, 66.7), (9, 80), (20, 90.5)])
def test_the_next_value_is_within_the_range_of_the_known_ones(known: int, percent: float) -> None:
    """With a chance that their number alone decides."""
    assert round(float(100 * within_range(known)), 1) == percent
