"""The line: reconstructed day by day, it equals what a computation on each of the days would have seen."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.line import CycleDay, DayValue, PastIssue, Source, cycle_days, reconstruct
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import StateChange, in_order, reopened, started_at
from tests.support.run_scope import LONG

pytestmark = pytest.mark.slow

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
SPAN = Span(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
MEASURES = [
    parse_measure(one)
    for one in (
        {"kind": "done-share"},
        {"kind": "done-share", "weight": "points", "doing": 0.5, "within": "cycle"},
        {"kind": "done-count"},
        {"kind": "done-sum"},
        {"kind": "open-count"},
        {"kind": "done-share", "dropped": "done"},
        {"kind": "open-sum"},
        {"kind": "field", "field": "points", "take": "max"},
        {"kind": "lead-time", "window": "30d"},
        {"kind": "cycle-time"},
        {"kind": "throughput"},
        {"kind": "throughput", "window": "1w"},
        {"kind": "share-meeting", "meets": {"field": "cycle_time", "at_most": 3}},
        {"kind": "share-meeting", "meets": {"field": "reopened", "at_most": 0}},
    )
]

changes = st.lists(
    st.tuples(st.integers(-200, 2100), st.sampled_from(list(State))),
    max_size=5,
    unique_by=lambda one: one[0],
)


@st.composite
def past_issues(draw: st.DrawFn, measure: Measure) -> PastIssue:
    """Draw an issue with a history of start, closing, reopening and dropping after its creation."""
    drawn = sorted(draw(changes))
    times = in_order(StateChange(SPAN.starts_at + hours * HOUR, state) for hours, state in drawn)
    created = (times[0].at if times else SPAN.starts_at) - draw(st.integers(0, 500)) * HOUR
    values: dict[str, Any] = {
        "number": draw(st.none() | st.sampled_from([0.1, 1.0, 3.0])),
        "weight": draw(st.sampled_from([1.0, 0.7])),
        "created_at": created,
    }
    if draw(st.booleans()):  # its past is known
        values |= {"started_at": started_at(times), "reopened": reopened(times)}
    read = {name: value for name, value in values.items() if name in measure.reads}
    return PastIssue(Contribution(State.TODO, **read), created, times)


def seen_at(measure: Measure, one: PastIssue, last: datetime) -> Contribution | None:
    """Return what an issue brought at a time, found anew from all that had happened until then."""
    if one.created_at is None or one.created_at > last:
        return None
    over = [each for each in one.changes if each.at <= last]
    state = over[-1].state if over else State.TODO
    opened = max((each.at for each in over if each.state not in CLOSED), default=one.created_at)
    closed = [each.at for each in over if each.at >= opened and each.state in CLOSED]
    times = {
        "closed_at": closed[0] if closed else None,
        "started_at": started_at(over) if one.now.started_at is not None else None,
        "reopened": reopened(over) if one.now.reopened is not None else None,
    }
    read: dict[str, Any] = {name: at for name, at in times.items() if name in measure.reads}
    now = one.now
    return Contribution(state, weight=now.weight, number=now.number, created_at=now.created_at, **read)


def inputs_of(measure: Measure, at: datetime) -> Inputs:
    """Return the inputs of a computation, without issues."""
    return Inputs(measure=measure, start=0.0, target=100.0, span=SPAN, at=at, calendar=BERLIN)


def days_until(now: datetime) -> list[CycleDay]:
    """Return the days of the cycle until now."""
    return cycle_days(BERLIN.zone, date(2026, 10, 1), date(2026, 12, 31), now)


def seen(measure: Measure, issues: dict[int, PastIssue], now: datetime) -> list[DayValue]:
    """Return the line as a computation in the last moment of each day would have recorded it."""
    line = []
    for one in days_until(now):
        each = [seen_at(measure, issue, one.last) for issue in issues.values()]
        present = tuple(issue for issue in each if issue is not None)
        plain: dict[str, Any] = (
            {"tallies": tuple(tally(present, SPAN))} if measure.tallied else {"contributions": present}
        )
        inputs = replace(inputs_of(measure, one.last), ever_linked=bool(present), **plain)
        scope = sum(issue.state is not State.DROPPED for issue in present)
        done = sum(issue.state is State.DONE for issue in present)
        line.append(DayValue(one.day, compute(inputs).current, scope, done, Source.RECONSTRUCTED))
    return line


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: f"{one.kind}-{one.take}-{one.weight}")
@settings(max_examples=500 if LONG else 50, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
def test_the_reconstructed_line_equals_the_seen_one_day_by_day(measure: Measure, drawn: st.DataObject) -> None:
    """Draw issues with their histories and any moment as now."""
    issues = dict(enumerate(drawn.draw(st.lists(past_issues(measure), max_size=6))))
    now = SPAN.starts_at + drawn.draw(st.integers(0, 2300)) * HOUR
    assert reconstruct(inputs_of(measure, now), issues, days_until(now)) == seen(measure, issues, now)


def test_a_first_import_gives_the_line_from_the_first_day() -> None:
    """Of two issues of September one is closed on 2 October at 23:30 in Berlin: 0, 50, 50 per cent."""
    closed = StateChange(datetime(2026, 10, 2, 21, 30, tzinfo=UTC), State.DONE)
    created = SPAN.starts_at - 5 * DAY
    done = PastIssue(Contribution(State.DONE), created, [closed])
    issues = {1: done, 2: PastIssue(Contribution(State.TODO), created)}
    now = datetime(2026, 10, 3, 10, tzinfo=UTC)
    line = reconstruct(inputs_of(MEASURES[0], now), issues, days_until(now))
    assert [(one.day, one.value, one.scope, one.done) for one in line] == [
        (date(2026, 10, 1), 0.0, 2, 0),
        (date(2026, 10, 2), 50.0, 2, 1),
        (date(2026, 10, 3), 50.0, 2, 1),
    ]


def test_a_window_ends_with_the_day_of_its_value() -> None:
    """Done on 5 October, the issue leaves a window of a week after 11 October."""
    closed = StateChange(datetime(2026, 10, 5, 12, tzinfo=UTC), State.DONE)
    issues = {1: PastIssue(Contribution(State.DONE, closed_at=closed.at), closed.at - DAY, [closed])}
    measure = parse_measure({"kind": "throughput", "window": "1w"})
    now = datetime(2026, 10, 20, tzinfo=UTC)
    line = reconstruct(inputs_of(measure, now), issues, days_until(now))
    assert [one.day.day for one in line if one.value] == [5, 6, 7, 8, 9, 10, 11]


def test_work_that_was_done_and_then_dropped_was_closed_once() -> None:
    """Done before the cycle and dropped within it, it still counts as closed before."""
    changes = [StateChange(SPAN.starts_at - DAY, State.DONE), StateChange(SPAN.starts_at + DAY, State.DROPPED)]
    issues = {1: PastIssue(Contribution(State.DROPPED), SPAN.starts_at - 5 * DAY, changes)}
    measure = parse_measure({"kind": "done-share", "dropped": "done", "within": "cycle"})
    now = SPAN.starts_at + 3 * DAY
    line = reconstruct(inputs_of(measure, now), issues, days_until(now))
    assert {one.value for one in line} == {None}
