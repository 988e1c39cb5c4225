"""Parts of a change: they add up, and each kind of change goes to its own part."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.parts import ContributionChange, PartKind, steps_of
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.trackers.observations import State
from tests.domain.measures.splits import (
    BEGIN,
    DAY,
    DONE,
    DROPPED,
    TODO,
    Contributions,
    inputs_of,
    split_between,
    split_share,
)


def test_work_and_goalposts_are_separate_parts() -> None:
    """Two of four were done; one more is done, and one is added: 50 → 75 by scope and work in the stated order."""
    had = {1: DONE, 2: DONE, 3: TODO, 4: TODO}
    assert split_share(had, had | {3: DONE, 5: TODO}) == {"scope_added": -10, "done": 20}


@pytest.mark.parametrize(
    ("has", "parts"),
    [
        ({1: DONE, 2: TODO}, {"done": 50}),
        ({1: DROPPED, 2: TODO}, {}),
        ({1: DONE}, {"scope_dropped": 0, "done": 100}),
        ({1: DONE, 2: DONE}, {"done": 100}),
        ({1: TODO, 2: TODO, 3: DONE}, {"scope_added": 33.333333}),
    ],
)
def test_each_kind_of_change_goes_to_its_part(has: Contributions, parts: dict[str, float]) -> None:
    """Both issues were open before."""
    expected = {kind: change for kind, change in parts.items() if change}
    assert split_share({1: TODO, 2: TODO}, has) == expected


def test_reopened_work_is_a_part_of_its_own() -> None:
    """One is reopened while another one is done: the value stands still, and has no parts."""
    assert split_share({1: DONE, 2: TODO}, {1: TODO, 2: DONE}) == {}
    assert split_share({1: DONE, 2: TODO, 3: TODO}, {1: TODO, 2: DONE, 3: DONE}) == {
        "reopened": -33.333333,
        "done": 66.666667,
    }


def test_an_issue_that_a_rule_links_belongs_to_the_rule() -> None:
    """The same link by a label would be added scope."""
    assert steps_of(ContributionChange(None, DONE, by_rule=True)) == {PartKind.RULE: DONE}
    assert steps_of(ContributionChange(None, DONE)) == {PartKind.SCOPE_ADDED: DONE}


def test_a_moved_start_is_a_part_and_a_moved_target_is_none() -> None:
    """The value of a count begins at the start; a target moves only the progress."""
    count = parse_measure({"kind": "done-count", "within": "ever"})
    had = {1: DONE}
    before, after = inputs_of(count, had), inputs_of(count, had, start=5)
    assert split_between(before, had, after, had) == {"target": 5}
    assert split_between(before, had, replace(before, target=7.0), had) == {}


def test_without_a_value_there_are_no_parts() -> None:
    """Nothing was linked before."""
    assert split_share({}, {1: DONE}) == {}
    assert split_share({1: DONE}, {}) == {}


STATES = st.sampled_from(list(State))
PRESENT = st.dictionaries(
    st.integers(1, 8),
    st.builds(
        Contribution,
        state=STATES,
        weight=st.sampled_from([0.1, 1.0, 3.0]),
        number=st.sampled_from([None, 0.2, 1.0, 5.0]),
        closed_at=st.sampled_from([None, BEGIN - DAY, BEGIN + DAY]),
    ),
    max_size=8,
)
MEASURES = st.sampled_from(
    [
        {"kind": "done-share"},
        {"kind": "done-share", "weight": "points", "doing": 0.5, "dropped": "open"},
        {"kind": "done-share", "weight": "points", "dropped": "done", "within": "cycle"},
        {"kind": "done-count"},
        {"kind": "done-sum", "field": "points", "within": "ever"},
        {"kind": "open-count"},
        {"kind": "open-sum", "field": "points", "unestimated": 2},
        {"kind": "field", "field": "points", "take": "average"},
        {"kind": "field", "field": "points", "take": "max"},
    ]
)


@given(MEASURES, PRESENT, PRESENT, st.sampled_from([0.0, 7.5]))
def test_parts_add_up_and_follow_the_order(
    settings: dict[str, object], had: Contributions, has: Contributions, start: float
) -> None:
    """Applying the changes one kind after the other to copies of the inputs gives the same parts."""
    measure = parse_measure(settings)
    before, after = inputs_of(measure, had), inputs_of(measure, has, start=start)
    first, last = compute(before).current, compute(after).current
    parts = split_between(before, had, after, has)
    if first is None or last is None or first == last:
        assert parts == {}
        return
    assert sum(parts.values()) == pytest.approx(last - first, abs=1e-5)
    assert parts == pytest.approx(_slowly(measure, had, has, start), abs=2e-6)


def _slowly(measure: Measure, had: Contributions, has: Contributions, start: float) -> dict[str, float]:
    """Return the parts by recomputing everything after each kind of change."""
    held, at_start = dict(had), 0.0
    value = compute(inputs_of(measure, held)).current
    parts: dict[str, float] = {}
    for kind in PartKind:
        if kind is PartKind.TARGET:
            at_start = start
        for one in had.keys() | has.keys():
            change = ContributionChange(had.get(one), has.get(one))
            steps = steps_of(change) if change.before != change.after else {}
            if kind in steps:
                after = steps[kind]
                held = {id_: each for id_, each in held.items() if id_ != one} | ({one: after} if after else {})
        now = compute(inputs_of(measure, held, start=at_start)).current
        if now is not None and value is not None and round(now - value, 6):
            parts[kind.value] = round(now - value, 6)
        value = value if now is None else now
    return parts
