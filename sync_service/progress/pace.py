"""Pace: read what decides the status of a key result beside its progress."""

from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import time_of_value
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.status import Pace
from sync_service.domain.trackers.observations import State
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.team_settings import team_settings


def pace_of(tx: Connection, one: KeyResult, now: datetime, outside_since: datetime | None) -> Pace:
    """Return the pace of a key result, by the settings of its team. It is out of its range since a time, or now."""
    settings = team_settings(tx).of(one.team_id)
    today = time_of_value(one.span, now).astimezone(settings.zone).date()
    first = min(outside_since or now, time_of_value(one.span, now)).astimezone(settings.zone).date()
    return Pace(
        span=one.span,
        now=now,
        thresholds=settings.thresholds,
        stays=one.stay is not None,
        days_outside=(today - first).days + 1,
    )


def only_dropped(inputs: Inputs) -> bool:
    """Return whether nothing is done and something was dropped, which does not count as done."""
    states = {one.state for one in inputs.tallies} | {one.state for one in inputs.contributions}
    return inputs.measure.dropped != "done" and State.DROPPED in states and State.DONE not in states
