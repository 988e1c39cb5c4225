"""The end of a cycle: what an issue had contributed to a key result by then, without later changes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from sync_service.domain.durations import MICROSECOND
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import StateChange, in_order, reopened


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuePast:
    """What is known of an issue's past: its state now, its dates, and its known changes of state.

    `number_at` is the tracker's time of the number field that the measure reads, `updated_at` that of all its content.
    """

    state: State
    created_at: datetime | None = None
    started_at: datetime | None = None
    closed_at: datetime | None = None
    updated_at: datetime | None = None
    number_at: datetime | None = None
    changes: tuple[StateChange, ...] = ()


def time_of_value(span: Span, now: datetime) -> datetime:
    """Return the time as of which a value is computed: now, or the last moment of a cycle that is over."""
    return min(now, span.ends_at - MICROSECOND)


def state_as_of(past: IssuePast, end: datetime) -> State | None:
    """Return the state of an issue before the end; None when it was created later.

    Where no change before the end is known, creation and closing times decide.
    """
    if past.created_at is not None and past.created_at >= end:
        return None
    known = _before(past.changes, end)
    if known:
        return known[-1].state
    if past.state in CLOSED and past.closed_at is not None and past.closed_at < end:
        return past.state
    if past.state in CLOSED and past.closed_at is None and not past.changes:
        return past.state
    return State.DOING if past.started_at is not None and past.started_at < end else _open_state(past)


def _open_state(past: IssuePast) -> State:
    """Return the state of an issue that was open, with no known start of its work."""
    return past.state if past.state not in CLOSED and not past.changes and past.started_at is None else State.TODO


def contribution_as_of(
    one: Contribution, past: IssuePast, end: datetime, *, reads: Collection[str], before: Contribution | None
) -> Contribution | None:
    """Return what an issue contributed before the end; None when it was created later.

    `reads` are the fields that the measure reads. `before` is what the issue contributed when last computed, with the
    same number field and condition: a number that was changed after the end stays as it was then, and so does whether
    the condition is met.
    """
    state = state_as_of(past, end)
    if state is None:
        return None
    known = _before(past.changes, end)
    found = replace(
        one,
        state=state,
        closed_at=_closed_at(past, state, end) if "closed_at" in reads else None,
        started_at=one.started_at if one.started_at is not None and one.started_at < end else None,
        reopened=reopened(known) if one.reopened is not None and known else one.reopened,
    )
    if before is None:
        return found
    if past.number_at is None or past.number_at >= end:
        found = replace(found, number=before.number, number_at=before.number_at)
    if before.met is not None and (past.updated_at is None or past.updated_at >= end):
        found = replace(found, met=before.met)
    return found


def _closed_at(past: IssuePast, state: State, end: datetime) -> datetime | None:
    """Return when an issue was closed as of the end; None when it was open, or the time is unknown.

    What was done and then dropped, or dropped and then done, was closed once.
    """
    if state not in CLOSED:
        return None
    if past.closed_at is not None and past.closed_at < end:
        return past.closed_at
    closings = list(takewhile(lambda one: one.state in CLOSED, reversed(_before(past.changes, end))))
    return closings[-1].at if closings else None


def _before(changes: Iterable[StateChange], end: datetime) -> tuple[StateChange, ...]:
    return tuple(one for one in in_order(changes) if one.at < end)
