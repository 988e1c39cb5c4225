"""Forecasts agree with an independent slow computation: all sequences of weeks, and many drawn ones."""

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.first_passage import weeks_to_target
from sync_service.domain.forecasts.lattice import lattice
from sync_service.domain.forecasts.likely import LEVELS, likely
from sync_service.domain.forecasts.shares_at_end import SharesAtEnd
from tests.domain.forecasts import oracle
from tests.domain.forecasts.cases import cases, end_of, goal_of, position_of, weeks_of
from tests.domain.forecasts.oracle import Case

pytestmark = pytest.mark.slow


@given(cases())
def test_the_chance_is_the_share_of_all_sequences_that_reach_the_target(case: Case) -> None:
    """Exactly."""
    assert end_of(case).chance(position_of(case)) == oracle.chance(case)


def possible(case: Case, value: Fraction) -> float:
    """Return a value within what the measure can have."""
    if case.kind in ("done-count", "done-sum"):
        return float(value)
    most = Fraction(100) if case.kind == "done-share" else value
    return float(max(min(value, most), Fraction(0)))


@given(cases())
def test_likely_values_are_those_that_so_many_sequences_reach(case: Case) -> None:
    """But for shares where there are too many to compute each: these are approached."""
    found = likely(goal_of(case), position_of(case), weeks_of(case), case.days, end_of(case))
    approached = case.kind == "done-share" and SharesAtEnd(position_of(case), weeks_of(case), case.days).many
    expected = [possible(case, oracle.likely(case, level)) for level in LEVELS]
    error = 2.0 if approached else 1e-6
    assert [found.with_15, found.with_50, found.with_85] == pytest.approx(expected, abs=error)


@given(cases(), st.integers(1, 99))
@settings(max_examples=50)
def test_dates_are_the_first_weeks_by_which_so_many_sequences_have_reached_the_target(case: Case, level: int) -> None:
    """Once reached, it stays so."""
    chances = [oracle.passed(case, weeks) for weeks in range(4)]
    expected = next((week for week, chance in enumerate(chances) if 100 * chance >= level), None)
    found = weeks_to_target(goal_of(case), position_of(case), weeks_of(case), levels=[level], horizon=3)
    assert found == [expected]


@given(cases(), st.integers(3, 30))
def test_a_rounded_chance_errs_as_if_each_week_erred_by_a_step(case: Case, most_cells: int) -> None:
    """The bound of a lattice that is too coarse for the numbers."""
    goal, position, weeks = goal_of(case), position_of(case), weeks_of(case)
    drawn = -(-case.days // 7)
    error = drawn * lattice(goal.approaches(weeks), drawn, most_cells=most_cells).step
    found = AtEnd(goal, weeks, case.days, most_cells=most_cells).chance(position)
    # A value further from the target by the error, and one nearer to it.
    low, high = (end_of(case).covers(goal.distance(position) + one) for one in (error, -error))
    assert low <= found <= high


@given(st.lists(st.fractions(-50, 50, max_denominator=1000), min_size=1, max_size=12), st.integers(1, 104))
def test_rounding_errs_by_less_than_a_step_and_keeps_the_sum(changes: list[Fraction], weeks: int) -> None:
    """To half a step; and nothing is rounded where all changes fit."""
    on = lattice(changes, weeks, most_cells=100)
    found = sorted(steps for steps, count in on.rounded(dict.fromkeys(changes, 1)).items() for _ in range(count))
    apart = [steps * on.step - change for steps, change in zip(found, sorted(set(changes)), strict=True)]
    assert all(abs(one) <= on.step for one in apart)
    assert abs(sum(apart, Fraction(0))) <= on.step / 2
    reach = [Fraction(0), *changes]
    assert (max(reach) - min(reach)) * weeks <= 100 * on.step


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize(("kind", "target"), [("done-share", 80), ("done-sum", 90), ("open-count", 12)])
def test_many_drawn_weeks_agree(kind: str, target: int, scale: int) -> None:
    """Also where numbers are so large that the lattice is coarse."""
    random = Random(f"{kind} {scale}")  # noqa: S311 — the same draws each time
    weeks = [tuple(Fraction(random.randint(0, most * scale)) for most in (8, 3, 1)) for _ in range(12)]
    case = Case(
        kind=kind,
        start=Fraction(70 * scale if kind == "open-count" else 0),
        target=Fraction(target if kind == "done-share" else target * scale),
        done=Fraction(45 * scale),
        scope=Fraction(90 * scale),
        weeks=[(one[0], one[1], one[2]) for one in weeks],
        days=7 * 12 + 3,
    )
    ended, passed = oracle.drawn_chances(case, 10, runs=3000, random=random)
    assert float(end_of(case).chance(position_of(case))) == pytest.approx(ended, abs=0.04)
    level = round(100 * passed)
    early, late = (
        weeks_to_target(goal_of(case), position_of(case), weeks_of(case), levels=[max(min(one, 99), 1)])[0]
        for one in (level - 4, level + 4)
    )
    assert early is not None
    assert early <= 10
    assert late is None or late >= 10


@given(cases(), st.sampled_from([Fraction(1), Fraction(3), Fraction(5, 2)]), st.sampled_from([1, 2]))
def test_few_shares_are_computed_each_with_its_chance(case: Case, step: Fraction, alike: int) -> None:
    """Also where weeks are alike, and where all their numbers have a common step."""
    first, *others = [(done * step, added * step + step, reopened * step) for done, added, reopened in case.weeks]
    weeks = [first] * alike + others[alike - 1 :]
    case = replace(case, kind="done-share", weeks=weeks)
    shares = SharesAtEnd(position_of(case), weeks_of(case), case.days)
    assume(not shares.many)
    found = shares.distribution
    chances = {value: Fraction(count, found.whole) for value, count in zip(found.values, found.counts, strict=True)}
    assert chances == {float(share): chance for share, chance in oracle.shares(case).items()}


@given(cases(), st.sampled_from([0, 100]))
@settings(max_examples=50)
def test_shares_are_approached_closely(case: Case, start: int) -> None:
    """To a twentieth of a percentage point where the scope does not change greatly."""
    case = replace(case, kind="done-share", target=Fraction(90), start=Fraction(start), scope=case.scope + 200)
    shares = SharesAtEnd(position_of(case), weeks_of(case), case.days)
    for level in LEVELS:
        # Where few shares lie far apart, rounding may take the next one if its chance is nearly the level.
        low, high = sorted(possible(case, oracle.likely(case, one)) for one in (level - 5, level + 5))
        assert low - 0.05 <= shares._approached(goal_of(case), level) <= high + 0.05
