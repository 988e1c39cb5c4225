"""A forecast as a whole: its fields, what never happens, when there is too little to say, and its track record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.forecasts.convolution import covered, sums
from sync_service.domain.forecasts.first_passage import weeks_to_target
from sync_service.domain.forecasts.forecast import Forecast, days_left_text, forecast
from sync_service.domain.forecasts.goal import Goal, History, Position
from sync_service.domain.forecasts.samples import Week, by_week, full_weeks, last_weeks
from sync_service.domain.forecasts.track_record import TrackRecord, came_true, track_record
from tests.domain.forecasts.cases import cases, end_of, goal_of, position_of, weeks_of
from tests.domain.forecasts.oracle import Case

TODAY = date(2026, 11, 2)
ENDS = date(2026, 12, 31)
STEADY = [Week(done=2)] * 6
TO_TWENTY = Goal("done-count", 0, 20)
IN_RANGE = "the next week is within the range of these with a chance of"


def made(goal: Goal, done: float, scope: float, weeks: Sequence[Week], *, ends: date = ENDS) -> Forecast:
    """Return the forecast of a key result."""
    found = forecast(goal, Position.of(done, scope), History(Position.of(0, scope), weeks), today=TODAY, ends=ends)
    assert found is not None
    return found


def dates(found: Forecast) -> list[date]:
    """Return the dates by percent, with one far away for None."""
    return [one or date.max for one in (found.on_50, found.on_70, found.on_85, found.on_95)]


def of_case(case: Case) -> Forecast:
    """Return the forecast of a random case."""
    return made(
        goal_of(case),
        float(case.done),
        float(case.scope),
        weeks_of(case),
        ends=TODAY + timedelta(days=case.days),
    )


def test_a_steady_pace_is_certain() -> None:
    """Two a week, eight to go: four weeks from today."""
    found = made(TO_TWENTY, 12, 30, STEADY)
    assert dates(found) == [TODAY + timedelta(weeks=4)] * 4
    assert (found.enough, found.reason, found.weeks, found.chance) == (True, "", 6, 1.0)
    assert found.likely is not None
    # 59 days are left: eight weeks and three days.
    assert found.likely.with_50 == pytest.approx(12 + 2 * 59 / 7, abs=1e-6)
    assert found.pace_needed == pytest.approx(8 * 7 / 59, abs=1e-6)


def test_the_rest_of_the_last_week_counts_as_its_share() -> None:
    """Seven a week are one a day."""
    goal, weeks = Goal("done-count", 0, 10), [Week(done=7)] * 5
    chances = [made(goal, 0, 30, weeks, ends=TODAY + timedelta(days=days)).chance for days in (9, 10, 11)]
    assert chances == [0, 1, 1]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (0, "0 full weeks are known, a forecast needs 5"),
        (1, "1 full week is known, a forecast needs 5"),
        (3, f"3 full weeks are known, a forecast needs 5: {IN_RANGE} 50\u202f%"),
        (4, f"4 full weeks are known, a forecast needs 5: {IN_RANGE} 60\u202f%"),
    ],
)
def test_too_few_weeks_are_not_enough_and_it_says_why(known: int, reason: str) -> None:
    """Nothing else is there then."""
    assert made(TO_TWENTY, 12, 30, STEADY[:known]) == Forecast(weeks=known, enough=False, reason=reason)


def test_five_weeks_are_enough_and_the_last_twelve_count() -> None:
    """Older ones do not."""
    assert made(TO_TWENTY, 12, 30, STEADY[:5]).enough
    old, new = [Week(done=50)] * 3, [Week(done=1)] * 12
    assert last_weeks([*old, *new]).weeks == tuple(new)
    assert made(TO_TWENTY, 12, 300, [*old, *new]).on_95 == TODAY + timedelta(weeks=8)


def test_a_share_of_nothing_has_no_data() -> None:
    """Whatever its weeks were."""
    found = made(Goal("done-share", 0, 80), 0, 0, STEADY)
    assert (found.enough, found.reason) == (False, "there is no data")


@pytest.mark.parametrize("kind", ["manual", "throughput", "lead-time", "field", "share-meeting", "steps"])
def test_other_measures_have_no_forecast(kind: str) -> None:
    """None, not a forecast that says too little."""
    position = Position.of(1, 2)
    assert forecast(Goal(kind, 0, 9), position, History(position, STEADY), today=TODAY, ends=ENDS) is None


def test_dates_past_two_years_are_null() -> None:
    """104 weeks are the last that are seen."""
    assert dates(made(TO_TWENTY, 0, 900, [Week(done=20 / 104)] * 5))[0] == date.max  # a little less than enough
    assert dates(made(TO_TWENTY, 0, 900, [Week(done=20 / 103.9)] * 5))[0] == TODAY + timedelta(weeks=104)
    assert dates(made(TO_TWENTY, 12, 900, [Week()] * 5)) == [date.max] * 4


def test_a_date_needs_no_more_than_its_percent() -> None:
    """Four of five weeks do it: 80 %, exactly."""
    weeks = [Week(done=1)] * 4 + [Week()]
    found = weeks_to_target(TO_TWENTY, Position.of(19, 30), weeks, levels=(79, 80, 81))
    assert found == [1, 1, 2]


def test_on_the_last_day_the_chance_is_what_is_reached() -> None:
    """And no pace helps."""
    short, there = (made(TO_TWENTY, done, 30, STEADY, ends=TODAY) for done in (19, 20))
    assert (short.chance, short.pace_needed) == (0.0, None)
    assert (there.chance, there.pace_needed) == (1.0, 0.0)
    assert made(TO_TWENTY, 19, 30, STEADY, ends=TODAY - timedelta(days=30)) == short


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "nothing left of the cycle"),
        (1, "the last day counts as 1/7 of a week"),
        (7, "1 week left"),
        (45, "6 whole weeks left, the last 3 days count as 3/7 of a week"),
    ],
)
def test_it_says_how_the_last_days_count(days: int, words: str) -> None:
    """As a share of a week."""
    assert days_left_text(TODAY, TODAY + timedelta(days=days)) == words


def test_a_falling_target_is_reached_from_above() -> None:
    """Ten open, four to stay; one comes and two go each week."""
    found = made(Goal("open-count", 40, 4), 30, 40, [Week(done=2, added=1)] * 5)
    assert found.on_85 == TODAY + timedelta(weeks=6)
    assert found.likely is not None
    assert found.likely.with_50 == pytest.approx(10 - 59 / 7, abs=1e-6)


def test_a_growing_scope_lowers_a_share() -> None:
    """80 % of a scope that grows as fast as the work is never reached."""
    weeks = [Week(done=4, added=5)] * 5
    assert dates(made(Goal("done-share", 0, 80), 30, 50, weeks)) == [date.max] * 4
    assert made(Goal("done-share", 0, 80), 30, 50, [Week(done=4)] * 5).on_95 == TODAY + timedelta(weeks=3)


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_scope_that_is_dropped_until_nothing_is_left_has_no_share(scale: int) -> None:
    """Whether shares are computed each or approached."""
    weeks = [Week(done=index * scale, added=-9.0 * scale - index) for index in range(12)]
    found = made(Goal("done-share", 0, 80), scale, 50 * scale, weeks)
    assert found.likely is not None
    assert found.likely.with_85 == 0


def test_sums_with_decimals_are_exact() -> None:
    """Ten times a tenth is one, as on paper."""
    assert made(Goal("done-sum", 0, 1), 0, 9, [Week(done=0.1)] * 5).on_95 == TODAY + timedelta(weeks=10)


@pytest.mark.slow
@given(cases(), st.integers(1, 20))
def test_more_done_never_lowers_the_chance(case: Case, more: int) -> None:
    """Nor moves a date back, where the value has to go that way."""
    goal = goal_of(case)
    rising = Goal(goal.kind, goal.target + 5, goal.target) if "open" in goal.kind else replace(goal, start=-1.0)
    weeks, scope = weeks_of(case), float(case.scope) + 20
    less, further = (
        made(rising, done, scope, weeks, ends=TODAY + timedelta(days=case.days))
        for done in (float(case.done), float(case.done) + more)
    )
    assert less.chance is not None
    assert further.chance is not None
    assert further.chance >= less.chance
    assert all(one <= other for one, other in zip(dates(further), dates(less), strict=True))


@pytest.mark.slow
@given(cases())
def test_surer_dates_are_later_and_surer_values_further_from_the_target(case: Case) -> None:
    """Both are percentiles."""
    found = of_case(case)
    assert dates(found) == sorted(dates(found))
    assert found.likely is not None
    values = [found.likely.with_15, found.likely.with_50, found.likely.with_85]
    assert values == sorted(values, reverse=goal_of(case).direction > 0)


@pytest.mark.slow
@given(cases())
def test_what_is_reached_now_has_today_as_its_date(case: Case) -> None:
    """And is sure where no week takes anything back; the chance is about the end, so other weeks may lower it."""
    goal, position = goal_of(case), position_of(case)
    found = of_case(case)
    reached = goal.distance(position) <= 0
    assert (found.on_50 == TODAY) == reached == (found.pace_needed == 0)
    if reached and all(goal.approach(week) >= 0 for week in weeks_of(case)):
        assert found.chance == 1


@given(cases())
def test_a_likely_value_past_the_target_agrees_with_the_chance(case: Case) -> None:
    """The chance is the percent of the target as a value."""
    end, goal, position = end_of(case), goal_of(case), position_of(case)
    for level in (15, 50, 85):
        assert (100 * end.chance(position) >= level) == (end.reached(level) >= goal.distance(position))


@given(st.dictionaries(st.integers(-9, 9), st.integers(1, 4), min_size=1), st.integers(0, 40), st.integers(-5, 60))
def test_chances_add_up_to_one(steps: dict[int, int], weeks: int, distance: int) -> None:
    """Of all sums, exactly; and what is covered only grows."""
    found = sums(steps, weeks)
    assert sum(Fraction(count, found.whole) for count in found.counts) == 1
    drawn = sum(steps.values())
    assert found.whole == drawn**weeks or drawn**weeks > 2**57
    chances = list(covered(steps, distance, weeks))
    assert len(chances) == weeks + 1
    assert chances == sorted(chances)
    assert 0 <= chances[0] <= chances[-1] <= 1


@given(st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_two_years_lose_next_to_nothing(done: list[int]) -> None:
    """Counts no longer fit then, and are halved: the mean stays."""
    steps = {one: done.count(one) for one in done}
    mean = 104 * sum(done) / 12
    assert float(sums(steps, 104).mean) == pytest.approx(mean, rel=1e-12, abs=1e-12)


def test_full_weeks_are_over_and_wholly_known() -> None:
    """Monday to Sunday, or as the organisation starts its weeks."""
    monday, thursday = date(2026, 11, 2), date(2026, 11, 5)
    assert full_weeks(monday, date(2026, 11, 22)) == [monday, date(2026, 11, 9)]
    assert full_weeks(thursday, date(2026, 11, 23)) == [date(2026, 11, 9), date(2026, 11, 16)]
    assert full_weeks(thursday, date(2026, 11, 23), first_weekday=6) == [date(2026, 11, 8), date(2026, 11, 15)]
    assert full_weeks(thursday, thursday) == []


def test_changes_are_summed_by_week() -> None:
    """Those of other days are left out."""
    weeks = [date(2026, 11, 2), date(2026, 11, 9)]
    changes = [(date(2026, 11, day), Week(done=1, added=0.5)) for day in (1, 2, 8, 9, 16)]
    assert by_week(changes, weeks) == [Week(done=2, added=1), Week(done=1, added=0.5)]
    assert by_week(changes, []) == []


def test_a_track_record_counts_the_dates_that_have_passed() -> None:
    """Five weeks of two a week, then one: what was called for then did not come."""
    goal = Goal("done-count", 0, 14)
    history = History(Position.of(0, 30), [*[Week(done=2)] * 5, *[Week(done=1)] * 5])
    # After 5 weeks: 4 to go, called for week 7, when 12 are done. After 6: 3 to go, for week 8, when 13 are done.
    # After 7: 2 to go, for week 9, when 14 are done. After 8: 1 to go, for week 9. After 9 it is reached.
    assert [came_true(goal, history, one) for one in range(5, 10)] == [False, False, True, True, None]
    assert track_record(goal, history) == TrackRecord(called=4, came_true=2)


def test_a_date_that_has_not_passed_is_left_out_of_the_track_record() -> None:
    """Although the target is reached early."""
    history = History(Position.of(0, 30), [*[Week(done=1)] * 5, Week(done=15)])
    assert track_record(TO_TWENTY, history) == TrackRecord()
    assert made(TO_TWENTY, 20, 30, [*[Week(done=1)] * 5, Week(done=15)]).track_record == TrackRecord()
