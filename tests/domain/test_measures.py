"""Measures: the arithmetic, as a table of examples."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, Value
from sync_service.domain.measures.compute import compute as compute_inputs
from sync_service.domain.measures.contributions import ClosedWhen, Tally
from sync_service.domain.measures.progress import progress
from sync_service.domain.measures.roll_up import Member, roll_up
from sync_service.domain.measures.settings import Measure, MeasureError, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import State

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED


SPAN = Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def compute(
    measure: Measure, *, start: float, target: float, tallies: list[Tally], checked_in: float | None = None
) -> Value:
    """Compute a value from tallies, in the middle of a cycle."""
    return compute_inputs(
        Inputs(
            measure=measure,
            start=start,
            target=target,
            span=SPAN,
            at=datetime(2026, 11, 15, tzinfo=UTC),
            calendar=Calendar(ZoneInfo("UTC")),
            tallies=tallies,
            checked_in=checked_in,
            ever_linked=bool(tallies),
        )
    )


def tally(state: State, issues: int = 1, *, points: float = 0, unestimated: int = 0, before: bool = False) -> Tally:
    """Return a tally of issues with weight 1 each."""
    closed = ClosedWhen.BEFORE if before else ClosedWhen.DURING
    return Tally(
        state=state,
        closed=closed if state in (DONE, DROPPED) else None,
        issues=issues,
        weight=float(issues),
        number=points,
        weighted_number=points,
        without_number=unestimated,
        weight_without_number=float(unestimated),
    )


COUNT = parse_measure({"kind": "done-share"})
POINTS = parse_measure({"kind": "done-share", "weight": "points", "unestimated": 2})
DONE_COUNT, OPEN_COUNT = parse_measure({"kind": "done-count"}), parse_measure({"kind": "open-count"})


@pytest.mark.parametrize(
    ("measure", "start", "tallies", "expected"),
    [
        (COUNT, 0, [], None),
        (COUNT, 0, [tally(TODO, 3)], 0),
        (COUNT, 0, [tally(TODO), tally(DOING), tally(DONE, 2)], 50),
        (COUNT, 0, [tally(DONE, 2)], 100),
        (COUNT, 0, [tally(DONE), tally(TODO, 2)], 33.333333),
        (COUNT, 0, [tally(DONE), tally(DROPPED, 5), tally(TODO)], 50),
        (COUNT, 0, [tally(DROPPED, 5)], None),
        (COUNT, 0, [tally(DONE, before=True)], 100),
        (POINTS, 0, [tally(DONE, points=3), tally(TODO, points=5)], 37.5),
        (POINTS, 0, [tally(DONE, points=3), tally(TODO, unestimated=1)], 60),
        (POINTS, 0, [tally(DONE, unestimated=1), tally(DROPPED, points=8)], 100),
        (DONE_COUNT, 0, [tally(DONE, 4), tally(TODO, 9)], 4),
        (DONE_COUNT, 10, [tally(DONE, 4)], 14),
        (DONE_COUNT, 0, [tally(DONE, 4), tally(DONE, 3, before=True)], 4),
        (parse_measure({"kind": "done-count", "within": "ever"}), 0, [tally(DONE, 4), tally(DONE, 3, before=True)], 7),
        (DONE_COUNT, 0, [tally(TODO)], 0),
        (DONE_COUNT, 0, [], None),
        (OPEN_COUNT, 40, [tally(TODO, 4), tally(DOING, 2), tally(DONE, 30), tally(DROPPED)], 6),
        (OPEN_COUNT, 40, [tally(DONE, 2)], 0),
        (OPEN_COUNT, 40, [], None),
    ],
)
def test_value_follows_from_tallies(
    measure: Measure, start: float, tallies: list[Tally], expected: float | None
) -> None:
    """Dropped work does not count. Without linked issues there is no data, which is neither 0 nor 100."""
    assert compute(measure, start=start, target=100, tallies=tallies).current == expected


def test_a_share_is_100_only_when_all_is_done() -> None:
    """One small issue of many points is still open."""
    almost = [tally(DONE, points=1e9), tally(TODO, points=0.5)]
    value = compute(POINTS, start=0, target=100, tallies=almost)
    assert value.current == 99.999999
    assert value.explanation == "1 of 2 issues done, 1 000 000 000 of 1 000 000 000.5 points".replace(" 0", "\u202f0")


@pytest.mark.parametrize(
    ("done", "left", "start", "target", "reached"),
    [
        (89_999_999.96, 10_000_000.04, 0, 90, False),
        (90_000_000.0, 10_000_000.0, 0, 90, True),
        (10_000_000.04, 89_999_999.96, 40, 10, False),
        (10_000_000.0, 90_000_000.0, 40, 10, True),
        (0.1 + 0.2, 1 - (0.1 + 0.2), 0, 30, True),
        (0.3 - 1e-16, 0.7, 0, 30, True),
    ],
)
def test_a_computed_value_reaches_its_target_only_with_its_issues(
    done: float, left: float, start: float, target: float, *, reached: bool
) -> None:
    """Rising and falling: six decimals never make it the target, and the last bits of a sum never keep it from it."""
    tallies = [tally(DONE, points=done), tally(TODO, points=left)]
    current = compute(POINTS, start=start, target=target, tallies=tallies).current
    share = progress(current, start=start, target=target)
    assert share is not None
    assert (share >= 1, current == target) == (reached, reached)


def test_a_count_reaches_a_target_with_many_decimals() -> None:
    """The start has them too."""
    value = compute(DONE_COUNT, start=1 / 3, target=10 + 1 / 3, tallies=[tally(DONE, 10)])
    assert progress(value.current, start=1 / 3, target=10 + 1 / 3) == 1


LIMITS = st.integers(-(10**9), 10**9).map(float)


@given(st.floats(-1e9, 1e9), LIMITS, LIMITS)
@example(999_999.6, 0.0, 1e6)
@example(5.0000001, 40.0, 5.0)
@example(1e9 - 1e-7, -1e9, 1e9)
def test_progress_is_complete_only_when_the_target_is_reached(current: float, start: float, target: float) -> None:
    """A value that rises to its target, or one that falls to it."""
    assume(start != target)
    share = progress(current, start=start, target=target)
    assert share is not None
    assert (share >= 1) == (current >= target if target > start else current <= target)


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(-1, 2) | st.just(0.999999)), min_size=1))
@example([(1e9, 1.0), (1.0, 0.999999)])
def test_an_objective_is_complete_only_when_all_its_key_results_are(rows: list[tuple[float, float]]) -> None:
    """Those without weight aside."""
    share, _ = roll_up(Member(*row) for row in rows)
    weighty = [value for weight, value in rows if weight > 0]
    assert (share is not None and share >= 1) == (bool(weighty) and all(value >= 1 for value in weighty))


@pytest.mark.parametrize("checked_in", [None, 0.0, 12.5])
def test_a_manual_value_is_the_latest_check_ins(checked_in: float | None) -> None:
    """Linked issues do not change a manual value."""
    value = compute(
        parse_measure({"kind": "manual"}), start=0, target=100, tallies=[tally(DONE, 9)], checked_in=checked_in
    )
    assert value.current == checked_in


def test_the_explanation_shows_the_numbers() -> None:
    """Every value can explain itself."""
    tallies = [tally(DONE, points=3), tally(TODO, points=5), tally(DROPPED)]
    value = compute(POINTS, start=0, target=100, tallies=tallies)
    assert value.explanation == "1 of 2 issues done, 3 of 8 points; 1 dropped left out"


@pytest.mark.parametrize(
    ("current", "start", "target", "expected"),
    [(None, 0, 100, None), (50, 0, 100, 0.5), (40, 40, 5, 0), (5, 40, 5, 1), (75, 40, 5, -1), (12, 0, 10, 1.2)],
)
def test_progress_is_not_clamped(current: float | None, start: float, target: float, expected: float | None) -> None:
    """It is (current - start) / (target - start), and may be negative."""
    assert progress(current, start=start, target=target) == expected


@pytest.mark.parametrize(
    ("key_results", "expected"),
    [
        ([], (None, 0)),
        ([(1, None)], (None, 1)),
        ([(1, 0.5), (1, None)], (0.5, 1)),
        ([(2, 1.0), (1, 0.25)], (0.75, 0)),
        ([(1, 1.8), (1, -0.4)], (0.5, 0)),
    ],
)
def test_roll_up_is_a_weighted_mean_of_clamped_progress(
    key_results: list[tuple[float, float | None]], expected: tuple[float | None, int]
) -> None:
    """Key results without data are left out and counted."""
    assert roll_up(Member(*one) for one in key_results) == expected


MEMBERS = [
    Member(2, 0.6, 6, 10),
    Member(1, 1.5, 15, 10),
    Member(1, None, None, 10),
    Member(5, 0.1, 1, 10, rolls_up=False),
]


@pytest.mark.parametrize(
    ("way", "expected"),
    [("weighted", (0.733333, 1)), ("sum", (0.999999, 1)), ("weakest", (0.6, 1)), ("none", (None, 1))],
)
def test_an_objective_rolls_up_in_one_of_four_ways(way: str, expected: tuple[float | None, int]) -> None:
    """What does not roll up is left out. A sum past the target is not complete while a key result is not."""
    assert roll_up(MEMBERS, way) == expected


@pytest.mark.parametrize(
    ("distances", "share"),
    [((0.1, 0.2, -0.3), None), ((10.0, -10.0), None), ((10.0, -4.0), 0.5), ((), None), ((1e-9, 2e-9), 0.5)],
)
def test_a_sum_whose_distances_cancel_out_has_no_progress(distances: tuple[float, ...], share: float | None) -> None:
    """Half of each distance is done. The last bits of decimals are no distance to divide by."""
    found, _ = roll_up([Member(1, 0.5, one / 2, one) for one in distances], "sum")
    assert found == share


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-50, 200)), min_size=1))
def test_a_weighted_roll_up_is_the_mean_of_repeated_progress(rows: list[tuple[int, int]]) -> None:
    """A weight of three is the same as three key results: counted in whole percents, by hand."""
    repeated = [min(max(percents, 0), 100) for weight, percents in rows for _ in range(weight)]
    share, _ = roll_up(Member(weight, percents / 100) for weight, percents in rows)
    assert share == pytest.approx(sum(repeated) / len(repeated) / 100, abs=2e-6)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "kind"),
        ({"kind": "velocity"}, "kind"),
        ({"kind": ["done-share"]}, "kind"),
        ({"kind": "done-share", "weight": ["hours"]}, "weight"),
        ({"kind": "done-share", "unestimated": -1}, "unestimated"),
        ({"kind": "done-share", "unestimated": True}, "unestimated"),
        ({"kind": "done-share", "unestimated": "2"}, "unestimated"),
        ({"kind": "open-count", "weight": "points"}, "weight"),
        ({"kind": "done-count", "within": "quarter"}, "within"),
    ],
)
def test_an_invalid_measure_names_the_setting(settings: dict[str, Any], field: str) -> None:
    """The error shows what was found and what is allowed."""
    with pytest.raises(MeasureError) as raised:
        parse_measure(settings)
    assert raised.value.field == field
    assert raised.value.allowed in str(raised.value)


def test_a_valid_measure_is_parsed() -> None:
    """It has the form of the configuration file."""
    read = parse_measure({"kind": "done-share", "weight": "points", "unestimated": 3})
    assert read == Measure(
        kind="done-share", weight="points", unestimated=3.0, doing=0.0, dropped="leave", within="ever"
    )
