"""Random key results with their weeks, for the product and for the oracle."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.goal import KINDS, Goal, Position
from sync_service.domain.forecasts.samples import Week
from tests.domain.forecasts.oracle import Case, PlainWeek


def sizes(most: int, decimals: int) -> st.SearchStrategy[Fraction]:
    """Return numbers of so many decimals."""
    return st.integers(0, most * 10**decimals).map(lambda steps: Fraction(steps, 10**decimals))


@st.composite
def weeks(draw: st.DrawFn, decimals: int) -> PlainWeek:
    """Return what a week may be: more done than reopened, mostly."""
    return draw(sizes(9, decimals)), draw(sizes(5, decimals)), draw(sizes(2, decimals))


@st.composite
def cases(draw: st.DrawFn, *, most_weeks: int = 3) -> Case:
    """Return a key result with five samples, so that all sequences can be listed."""
    kind = draw(st.sampled_from(KINDS))
    decimals = draw(st.sampled_from([0, 0, 1, 2])) if kind != "open-count" else 0
    done = draw(sizes(30, decimals))
    target = draw(sizes(100, 1)) if kind == "done-share" else draw(sizes(60, decimals))
    return Case(
        kind=kind,
        start=draw(st.sampled_from([Fraction(0), Fraction(0), Fraction(100)])),
        target=target,
        done=done,
        scope=done + draw(sizes(30, decimals)) + 1,
        weeks=draw(st.lists(weeks(decimals), min_size=5, max_size=5)),
        days=draw(st.integers(0, 7 * most_weeks)),
    )


def goal_of(case: Case) -> Goal:
    """Return the goal of a case, with floats as they are stored."""
    return Goal(case.kind, float(case.start), float(case.target))


def position_of(case: Case) -> Position:
    """Return the position of a case."""
    return Position.of(float(case.done), float(case.scope))


def weeks_of(case: Case) -> Sequence[Week]:
    """Return the weeks of a case."""
    return [Week(float(done), float(added), float(reopened)) for done, added, reopened in case.weeks]


def end_of(case: Case) -> AtEnd:
    """Return the distribution at the end of a case."""
    return AtEnd(goal_of(case), weeks_of(case), case.days)
