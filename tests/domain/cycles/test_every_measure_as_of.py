"""Of a cycle that is over, every measure with any settings has the value of what was dated, and known, by its end.

Snapshots arrive in any order, some of them only after the end. The oracle plays those of before the end and computes
the value as a person would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sync_service.domain.cycles.as_of import IssuePast, contribution_as_of, state_as_of, time_of_value
from sync_service.domain.durations import MICROSECOND
from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.steps import done_steps
from sync_service.domain.measures.settings import SETTINGS, Measure, MeasureError, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.rules.conditions import Subject
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import IssueStates, StateChange, in_order, reopened, started_at
from tests.domain.measures import oracle
from tests.domain.measures.cases import case_of, quarter, sometimes
from tests.domain.measures.oracle import Case, PlainIssue
from tests.support.run_scope import LONG

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An issue as the tracker showed it at a time, and whether that was received only after the end."""

    at: datetime
    state: State
    number: float | None
    labels: frozenset[str]
    late: bool


def issue_of(random: Random, end: datetime) -> list[Shown]:
    """Return what is shown of an issue in the order of arrival; the first one by time shows its creation, open."""
    hours = sorted(random.sample(range(-1500, 200), random.randint(1, 6)))
    shown = [
        Shown(
            at=end + one * HOUR,
            state=random.choice([State.TODO, State.DOING]) if index == 0 else random.choice(list(State)),
            number=sometimes(random, quarter(random)),
            labels=frozenset(label for label in "ab" if random.random() < 0.5),
            late=one >= 0 or random.random() < 0.3,
        )
        for index, one in enumerate(hours)
    ]
    random.shuffle(shown)
    return sorted(shown, key=lambda one: one.late)


def played(shown: Sequence[Shown], end: datetime) -> PlainIssue | None:
    """Return the issue at the end, as a person reads it from what was shown; None where it was created later."""
    dated = sorted((one for one in shown if one.at < end), key=lambda one: one.at)
    if not dated:
        return None
    closed, count = None, 0
    for before, one in pairwise(dated):
        count += before.state is State.DONE and one.state not in CLOSED
        closed = None if one.state not in CLOSED else closed if before.state in CLOSED else one.at
    known = last_known(shown, end)
    return PlainIssue(
        state=dated[-1].state.value,
        number=known.number,
        number_at=known.at,
        created_at=dated[0].at,
        started_at=next((one.at for one in dated if one.state is State.DOING), None),
        closed_at=closed,
        reopened=count,
        labels=known.labels,
    )


def last_known(shown: Sequence[Shown], end: datetime) -> Shown:
    """Return the newest state received before the first from after the end: later the tracker shows only newer ones."""
    received: list[Shown] = []
    for one in shown:
        if one.at >= end and received:
            break
        received.append(one)
        if one.at >= end:
            break
    return max(received, key=lambda one: one.at)


def brought(measure: Measure, received: Sequence[Shown], created: datetime) -> tuple[Contribution, IssuePast]:
    """Return what an issue brings now, by all that was received about it and its creation, and its past."""
    newest = max(received, key=lambda one: one.at)
    changes = IssueStates().with_seen([StateChange(one.at, one.state) for one in received]).changes
    states = in_order(changes)
    closed_at = None
    for change in states:
        closed_at = None if change.state not in CLOSED else closed_at or change.at
    subject = Subject(scope="", kind="issue", state=newest.state.value, labels=newest.labels)
    fields: dict[str, Any] = {
        "number": newest.number,
        "number_at": newest.at,
        "created_at": created,
        "started_at": started_at(states),
        "closed_at": closed_at,
        "reopened": reopened(states),
        "met": measure.meets.other(subject) if measure.meets and measure.meets.other else None,
    }
    past = IssuePast(
        state=newest.state,
        created_at=created,
        started_at=fields["started_at"],
        closed_at=closed_at,
        updated_at=newest.at,
        number_at=newest.at,
        changes=changes,
    )
    read = {name: value for name, value in fields.items() if name in measure.reads}
    return Contribution(newest.state, **read), past


def at_end(measure: Measure, shown: Sequence[Shown], end: datetime) -> Contribution | None:
    """Return what an issue brings as of the end, computed after each arrival, each time from what was computed last."""
    stored: Contribution | None = None
    created = min(one.at for one in shown)
    for count, one in enumerate(shown, 1):
        now, past = brought(measure, shown[:count], created)
        stored = contribution_as_of(now, past, end, reads=measure.reads, before=stored) if one.late else now
    if not shown[-1].late:
        now, past = brought(measure, shown, created)
        stored = contribution_as_of(now, past, end, reads=measure.reads, before=stored)
    return stored


def measure_of(case: Case) -> Measure:
    """Return the measure of a case; skip conditions that are refused."""
    try:
        return parse_measure(case.settings)
    except MeasureError as error:
        assume("side by side in one group" not in error.allowed)
        raise


@pytest.mark.parametrize("kind", SETTINGS)
@settings(max_examples=500 if LONG else 50, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64))
def test_every_measure_as_of_the_end_is_what_a_person_computes_from_what_was_known(kind: str, seed: int) -> None:
    """Numbers and conditions are as last known before the end; states and their times as dated before it."""
    random = Random(seed)  # noqa: S311 - not for secrets
    drawn = case_of(kind, seed)
    span = Span(drawn.starts_at, drawn.ends_at, drawn.zone)
    issues = [issue_of(random, span.ends_at) for _ in range(random.choice([1, 2, 4, 8]))]
    at = time_of_value(span, span.ends_at + 30 * HOUR)
    assert at == span.ends_at - MICROSECOND
    plain = [one for shown in issues if (one := played(shown, span.ends_at)) is not None]
    case = replace(drawn, issues=plain, at=at, known_since=None, ever_linked=True)
    measure = measure_of(case)
    brings = [at_end(measure, shown, span.ends_at) for shown in issues]
    inputs = Inputs(
        measure=measure,
        start=case.start,
        target=100,
        span=span,
        at=at,
        calendar=Calendar(case.zone, case.working, case.holidays),
        contributions=[one for one in brings if one is not None],
        checked_in=case.checked_in,
        steps_done=case.ticked,
        ever_linked=True,
    )
    expected, found = oracle.value(case), compute(inputs).current
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert abs(Fraction(found) - expected) <= Fraction(1, 10**6)


@settings(max_examples=500 if LONG else 50, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64))
def test_a_step_is_done_by_its_issue_as_it_was_at_the_end(seed: int) -> None:
    """Done after the end does not count, reopened or dropped after it still does."""
    random = Random(seed)  # noqa: S311 - not for secrets
    case = case_of("steps", seed)
    steps = [one | {"issue": f"paper:{one['name']}"} for one in case.settings["steps"]]
    shown = {one["issue"]: issue_of(random, case.ends_at) for one in steps}
    by_issue = {name for name, each in shown.items() if (one := played(each, case.ends_at)) and one.state == "done"}
    expected = {one["name"] for one in steps if one["name"] in case.ticked or one["issue"] in by_issue}
    measure = parse_measure({"kind": "steps", "steps": steps})
    pasts = {name: brought(measure, each, min(one.at for one in each))[1] for name, each in shown.items()}
    states = {name: state for name, past in pasts.items() if (state := state_as_of(past, case.ends_at)) is not None}
    assert done_steps(measure, ticked=case.ticked, states=states) == expected
