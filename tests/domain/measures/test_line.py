"""The line: reconstructed day by day, it equals what a computation on each of the days would have seen."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.line import DayValue, PastIssue, Source, changes_of, day_ends, reconstruct
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State
from tests.support.run_scope import LONG

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
    times = tuple((SPAN.starts_at + hours * HOUR, state) for hours, state in drawn)
    created = (times[0][0] if times else SPAN.starts_at) - draw(st.integers(0, 500)) * HOUR
    values = {"number": draw(st.none() | st.sampled_from([0.1, 1.0, 3.0])), "weight": draw(st.sampled_from([1.0, 0.7]))}
    read: dict[str, Any] = {name: value for name, value in values.items() if name in measure.reads}
    read |= {"created_at": created} if "created_at" in measure.reads else {}
    return PastIssue(Contribution(State.TODO, **read), created, times)


def seen_at(measure: Measure, one: PastIssue, end: datetime, *, today: bool) -> Contribution | None:
    """Return what an issue brought at a time, found anew from all that had happened until then."""
    over = [each for each in one.changes if each[0] < end or (today and each[0] == end)]
    if one.created_at is None or one.created_at > end or (one.created_at == end and not today):
        return None
    state = over[-1][1] if over else State.TODO
    times = {
        "closed_at": over[-1][0] if state in CLOSED else None,
        "started_at": next((at for at, each in over if each is State.DOING), None),
    }
    read: dict[str, Any] = {name: at for name, at in times.items() if name in measure.reads}
    now = one.now
    return Contribution(state, weight=now.weight, number=now.number, created_at=now.created_at, **read)


def inputs_of(measure: Measure, at: datetime) -> Inputs:
    """Return the inputs of a computation, without issues."""
    return Inputs(measure=measure, start=0.0, target=100.0, span=SPAN, at=at, calendar=BERLIN)


def seen(measure: Measure, issues: dict[int, PastIssue], now: datetime) -> list[DayValue]:
    """Return the line as a computation at the end of each day would have recorded it."""
    line = []
    for day, end in day_ends(BERLIN, SPAN, now):
        each = [seen_at(measure, one, end, today=end == now) for one in issues.values()]
        present = tuple(one for one in each if one is not None)
        plain: dict[str, Any] = (
            {"tallies": tuple(tally(present, SPAN))} if measure.tallied else {"contributions": present}
        )
        inputs = Inputs(
            measure=measure,
            start=0.0,
            target=100.0,
            span=SPAN,
            at=end,
            calendar=BERLIN,
            ever_linked=bool(present),
            **plain,
        )
        scope = sum(one.state is not State.DROPPED for one in present)
        done = sum(one.state is State.DONE for one in present)
        line.append(DayValue(day, compute(inputs).current, scope, done, Source.RECONSTRUCTED))
    return line


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: f"{one.kind}-{one.take}-{one.weight}")
@settings(max_examples=500 if LONG else 50, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
def test_the_reconstructed_line_equals_the_seen_one_day_by_day(measure: Measure, drawn: st.DataObject) -> None:
    """Draw issues with their histories and any moment as now."""
    issues = dict(enumerate(drawn.draw(st.lists(past_issues(measure), max_size=6))))
    now = SPAN.starts_at + drawn.draw(st.integers(0, 2300)) * HOUR
    assert reconstruct(inputs_of(measure, now), issues) == seen(measure, issues, now)


def test_a_first_import_gives_the_line_from_the_first_day() -> None:
    """Of two issues of September one is closed on 2 October at 23:30 in Berlin: 0, 50, 50 per cent."""
    closed = datetime(2026, 10, 2, 21, 30, tzinfo=UTC)
    created = SPAN.starts_at - 5 * DAY
    done = PastIssue(Contribution(State.DONE), created, changes_of(State.DONE, started_at=None, closed_at=closed))
    issues = {1: done, 2: PastIssue(Contribution(State.TODO), created)}
    line = reconstruct(inputs_of(MEASURES[0], datetime(2026, 10, 3, 10, tzinfo=UTC)), issues)
    assert [(one.day, one.value, one.scope, one.done) for one in line] == [
        (date(2026, 10, 1), 0.0, 2, 0),
        (date(2026, 10, 2), 50.0, 2, 1),
        (date(2026, 10, 3), 50.0, 2, 1),
    ]
