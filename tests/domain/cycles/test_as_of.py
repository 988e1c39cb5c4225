"""The value as of the end of a cycle is the value that the happenings before the end give, in any order of arrival."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_service.domain.cycles.as_of import IssuePast, contribution_as_of, state_as_of, time_of_value
from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import IssueStates, StateChange
from tests.support.run_scope import LONG

END = datetime(2027, 1, 1, tzinfo=UTC)
READS = frozenset({"state", "closed_at", "created_at", "started_at", "number"})


@dataclass(frozen=True)
class Happening:
    """An issue's change of state, in hours after the end."""

    hours: int
    state: State


histories = st.lists(
    st.builds(Happening, st.integers(-50, 50), st.sampled_from(State)),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.hours,
)

SPAN = Span(END - timedelta(days=1), END)
CALENDAR = Calendar(ZoneInfo("UTC"))
MEASURES: tuple[dict[str, Any], ...] = (
    {"kind": "done-share"},
    {"kind": "done-share", "doing": 0.5, "dropped": "done", "within": "cycle"},
    {"kind": "done-count", "within": "cycle"},
    {"kind": "done-count", "within": "ever"},
    {"kind": "open-count"},
    {"kind": "lead-time", "days": "elapsed", "window": "cycle", "take": "p99"},
)


class Played(NamedTuple):
    """An issue as it was at the end, after playing what happened before: hours are relative to the end."""

    created: int
    state: State
    closed: int | None


def play(happened: list[Happening]) -> Played | None:
    """Play the happenings before the end one by one; None when there are none."""
    found: Played | None = None
    for one in sorted(happened, key=lambda each: each.hours):
        if one.hours >= 0:
            break
        if found is None or one.state is not found.state:
            created = one.hours if found is None else found.created
            closed = found.closed if found is not None and found.closed is not None else one.hours
            found = Played(created, one.state, closed if one.state in CLOSED else None)
    return found


def slow_value(measure: dict[str, Any], issues: list[Played]) -> float | None:
    """Compute a measure as a person would, from the issues as they were at the end."""
    kind = measure["kind"]
    as_done = (State.DONE, State.DROPPED) if measure.get("dropped") == "done" else (State.DONE,)
    finished = [one for one in issues if one.state in as_done]
    in_cycle = [one for one in finished if one.closed is not None and one.closed >= -24]
    if kind == "done-count":
        return len(in_cycle if measure["within"] == "cycle" else finished) if issues else None
    if kind == "open-count":
        return sum(one.state not in CLOSED for one in issues) if issues else None
    if kind == "lead-time":
        return max((max((one.closed or 0) - one.created, 0) / 24 for one in in_cycle), default=None)
    credited = in_cycle if measure.get("within") == "cycle" else finished
    doing = [one for one in issues if one.state is State.DOING]
    whole = len(credited) + len([one for one in issues if one.state not in CLOSED])
    return 100 * (len(credited) + measure.get("doing", 0) * len(doing)) / whole if whole else None


def arrived(happened: list[Happening], order: Random) -> tuple[IssuePast, Contribution]:
    """Return what is known of an issue once all its happenings have arrived in a random order."""
    shuffled = list(happened)
    order.shuffle(shuffled)
    states = IssueStates()
    for one in shuffled:
        states = states.with_seen([StateChange(END + timedelta(hours=one.hours), one.state)])
    last, closed = states.changes[-1], None
    for change in states.changes:
        closed = None if change.state not in CLOSED else closed or change.at
    created = END + timedelta(hours=min(one.hours for one in happened))
    past = IssuePast(state=last.state, created_at=created, closed_at=closed, changes=states.changes)
    return past, Contribution(state=last.state, created_at=created, closed_at=closed)


def value_at_end(measure: dict[str, Any], issues: list[tuple[IssuePast, Contribution]]) -> float | None:
    """Compute a measure as of the end from what is known now."""
    parsed = parse_measure(measure)
    found = [contribution_as_of(now, past, END, reads=READS, before=None) for past, now in issues]
    inputs = Inputs(
        measure=parsed,
        start=0,
        target=100,
        span=SPAN,
        at=time_of_value(SPAN, END + timedelta(days=2)),
        calendar=CALENDAR,
        contributions=[one for one in found if one is not None],
        ever_linked=any(found),
    )
    return compute(inputs).current


@settings(max_examples=500 if LONG else 50)
@given(st.lists(histories, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_value_as_of_the_end_is_that_of_the_happenings_before_it_in_any_order_of_arrival(
    happened: list[list[Happening]], order: Random
) -> None:
    """Events received late count as if received at once; those after the end do not count."""
    known = [arrived(one, order) for one in happened]
    issues = [one for each in happened if (one := play(each)) is not None]
    for measure in MEASURES:
        expected = slow_value(measure, issues)
        found = value_at_end(measure, known)
        assert (found is None) == (expected is None), measure
        assert found == pytest.approx(expected, abs=1e-5), measure


def past(state: State, **fields: object) -> IssuePast:
    """Return the past of an issue that was created long before the end."""
    return IssuePast(state=state, created_at=END - timedelta(days=50), **fields)  # type: ignore[arg-type]


def test_without_known_changes_the_closing_time_decides() -> None:
    """An issue closed after the end was open then; one closed before it was closed."""
    hour = timedelta(hours=1)
    assert state_as_of(past(State.DONE, closed_at=END - hour), END) is State.DONE
    assert state_as_of(past(State.DONE, closed_at=END), END) is State.TODO
    assert state_as_of(past(State.DONE, closed_at=END, started_at=END - hour), END) is State.DOING


def test_an_issue_created_after_the_end_does_not_count() -> None:
    """It was not there."""
    assert state_as_of(IssuePast(state=State.DONE, created_at=END), END) is None


def test_a_number_changed_after_the_end_stays_as_last_known_before() -> None:
    """A number whose change the tracker dates before the end counts, also when received late."""
    before, now = Contribution(State.TODO, number=3.0), Contribution(State.TODO, number=8.0)
    late = past(State.TODO, number_at=END + timedelta(hours=1))
    early = past(State.TODO, number_at=END - timedelta(hours=1))
    kept = contribution_as_of(now, late, END, reads=READS, before=before)
    taken = contribution_as_of(now, early, END, reads=READS, before=before)
    assert (kept and kept.number, taken and taken.number) == (3.0, 8.0)


def test_a_condition_that_an_issue_met_stays_met_whatever_is_changed_after_the_end() -> None:
    """What was changed before the end counts, also when received late; what was unknown before is as it is now."""
    hour = timedelta(hours=1)
    now, yes, unknown = (Contribution(State.DONE, met=one) for one in (False, True, None))
    later, earlier = past(State.DONE, updated_at=END), past(State.DONE, updated_at=END - hour)
    cases = ((later, yes, True), (earlier, yes, False), (later, unknown, False), (later, None, False))
    for known, before, met in cases:
        found = contribution_as_of(now, known, END, reads=READS, before=before)
        assert found is not None
        assert found.met is met


def test_a_value_of_a_cycle_that_is_over_is_of_its_last_moment() -> None:
    """Windows end with the last day of the cycle."""
    span = Span(END - timedelta(days=92), END)
    assert time_of_value(span, END + timedelta(days=2)) == END - timedelta(microseconds=1)
    assert time_of_value(span, END - timedelta(days=2)) == END - timedelta(days=2)
