"""The line of a key result: one value a day of its cycle, seen where inputs were recorded, else reconstructed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import time_of_value
from sync_service.domain.measures.calendar import CachingCalendar
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.line import CycleDay, DayValue, cycle_days, reconstruct
from sync_service.progress.calendars import build_calendar
from sync_service.progress.lines.line_cache import cache_of
from sync_service.progress.lines.people_days import people_days
from sync_service.progress.lines.seen_days import seen_days
from sync_service.store.okrs import contributions, key_results, past_inputs
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.team_settings import team_settings


def key_result_line(tx: Connection, key_result_id: int, now: datetime) -> list[DayValue]:
    """Return the line of a key result until today, oldest day first, in its team's time zone.

    It is empty before the cycle begins. From the first day that is wholly covered, values are those that were seen.
    The value of today is the present one, and so is that of the last day once it is of the end of the cycle.
    """
    (one,) = key_results.read(tx, [key_result_id])
    inputs = line_inputs(tx, one, now)
    days = cycle_days(inputs.calendar.zone, *one.days, now)
    if not one.measure.reads:
        return _line(tx, one, inputs, days)
    settings = (one.settings, one.start, one.target, one.stay, one.span, inputs.calendar, inputs.known_since)
    shown = (one.state.value, _ends_with_present(one, inputs, days))
    version = (settings, [day.day for day in days], shown, past_inputs.version(tx, one.id))
    return cache_of(tx).line(one.id, version, lambda: _line(tx, one, inputs, days))


def _line(tx: Connection, one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> list[DayValue]:
    seen = seen_days(tx, one, inputs, days)
    line = [*_reconstructed(tx, one, inputs, days[: len(days) - len(seen)]), *seen]
    if line and _ends_with_present(one, inputs, days):
        line[-1] = replace(line[-1], value=one.state.value)
    return line


def _ends_with_present(one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> bool:
    """Return whether the present value is that of the last day: it is today, or the value is as of the cycle's end."""
    if one.basis is None or not days:
        return False
    return days[-1].last == inputs.at or one.basis.at >= time_of_value(one.span, one.span.ends_at)


def _reconstructed(tx: Connection, one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> list[DayValue]:
    if not days:
        return []
    if not one.measure.reads:
        return people_days(tx, one, inputs, days)
    return reconstruct(inputs, past_inputs.past_issues(tx, one.id), days)


def line_inputs(tx: Connection, one: KeyResult, now: datetime) -> Inputs:
    """Return the inputs that all days have in common: the settings of today."""
    settings = team_settings(tx).of(one.team_id)
    calendar = build_calendar(settings.calendar, settings.zone)
    return Inputs(
        measure=one.measure,
        start=one.start,
        target=one.target,
        span=one.span,
        at=now,
        calendar=CachingCalendar(calendar.zone, calendar.working_days, calendar.holidays),
        known_since=contributions.known_since(tx, [one.id]).get(one.id),
        stay=one.stay,
    )
