"""Reconstructed days of key results that people set: by check-ins, or by steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.steps import done_steps
from sync_service.domain.measures.line import CycleDay, DayValue, Source
from sync_service.domain.measures.settings import Measure
from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.state_changes import StateChange, state_at
from sync_service.store.okrs import past_inputs
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.past_inputs import Tick


def people_days(tx: Connection, one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> list[DayValue]:
    """Return the values of days by the check-ins and ticks until then. No issue counts."""
    values = past_inputs.checked_in(tx, one.id)
    ticks = past_inputs.ticks(tx, one.id)
    changes = past_inputs.step_issues(tx, {step.issue for step in one.measure.steps if step.issue})
    return [
        DayValue(day.day, compute(_as_of(inputs, day.last, values, ticks, changes)).current, 0, 0, Source.RECONSTRUCTED)
        for day in days
    ]


def _as_of(
    inputs: Inputs,
    at: datetime,
    values: Sequence[tuple[datetime, float]],
    ticks: Sequence[Tick],
    changes: Mapping[str, Sequence[StateChange]],
) -> Inputs:
    latest = [value for checked_at, value in values if checked_at <= at]
    return replace(
        inputs,
        at=at,
        checked_in=latest[-1] if latest else None,
        steps_done=_steps_done(inputs.measure, at, ticks, changes),
    )


def _steps_done(
    measure: Measure, at: datetime, ticks: Sequence[Tick], changes: Mapping[str, Sequence[StateChange]]
) -> frozenset[str]:
    ticked = {one.step for one in ticks if one.at <= at and (one.undone_at is None or one.undone_at > at)}
    states = {reference: state_at(known, at) or State.TODO for reference, known in changes.items()}
    return done_steps(measure, ticked=ticked, states=states)
