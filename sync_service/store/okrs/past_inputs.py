"""The inputs of values of past days: states of linked issues over time, check-ins, and ticks of steps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.line import PastIssue
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import IssueStates, StateChange
from sync_service.store.engine.database import among
from sync_service.store.okrs import contributions, steps
from sync_service.store.tables import (
    check_in,
    contribution,
    history,
    issue,
    issue_state,
    live_scope,
    step_tick,
)
from sync_service.store.trackers import issue_states

_COLUMNS = tuple(issue.c[name] for name in ("id", "state", "created_at", "started_at", "closed_at", "updated_at"))


@dataclass(frozen=True, slots=True)
class Tick:
    """A step that a person ticked, and when the tick was removed, if it was."""

    step: str
    at: datetime
    undone_at: datetime | None


def past_issues(tx: Transaction, key_result_id: int) -> dict[int, PastIssue]:
    """Return the issues from which a key result's value is computed now, by id, with their known past."""
    return pasts_of(tx, contributions.stored(tx, [key_result_id])[key_result_id])


def pasts_of(tx: Transaction, now: contributions.Contributions) -> dict[int, PastIssue]:
    """Return issues, by id, with what they contribute now and their known past."""
    linked = sa.select(*_COLUMNS).where(among(tx, issue.c.id, now.keys()))
    rows = {row.id: row for row in tx.execute(linked)}
    states = issue_states.read(tx, now)
    return {
        id_: PastIssue(one, rows[id_].created_at, _changes(states[id_], rows[id_]))
        for id_, one in now.items()
        if id_ in rows
    }


def _changes(known: IssueStates, row: Row[Any]) -> Sequence[StateChange]:
    """Return the known changes of an issue; they end in its present state."""
    state = State(row.state) if row.state else None
    at = row.closed_at if state in CLOSED else row.started_at if state is State.DOING else None
    return known.with_last(state, at or row.updated_at).changes


def version(tx: Transaction, key_result_id: int) -> tuple[Any, ...]:
    """Return a value that changes when an entry, a linked issue, its known past, or the import of its scope changes."""
    c, h, i = contribution.c, history.c, issue.c
    entries = sa.select(sa.func.max(h.id)).where(h.key_result_id == key_result_id)
    newest = (sa.func.max(i[name]) for name in ("updated_at", "received_at", "history_read_at"))
    imports = (sa.func.count(live_scope.c.covered_at), sa.func.max(live_scope.c.covered_at))
    linked = sa.select(sa.func.count(), *newest, *imports).join(issue, i.id == c.issue_id)
    linked = linked.outerjoin(live_scope, live_scope.c.id == i.scope_id).where(c.key_result_id == key_result_id)
    changes = sa.select(sa.func.count(), sa.func.max(issue_state.c.id))
    changes = changes.join(contribution, c.issue_id == issue_state.c.issue_id).where(c.key_result_id == key_result_id)
    return tuple(value for statement in (entries, linked, changes) for value in tx.execute(statement).one())


def not_imported_until(tx: Transaction, key_result_id: int, since: datetime) -> dict[int, datetime | None]:
    """Return the linked issues whose scope was not imported completely at a time: until when; None: it still is not."""
    c, covered = contribution.c, live_scope.c.covered_at
    found = (
        sa.select(c.issue_id, covered)
        .join(issue, issue.c.id == c.issue_id)
        .join(live_scope, live_scope.c.id == issue.c.scope_id)
        .where(c.key_result_id == key_result_id, sa.or_(covered.is_(None), covered > since))
    )
    return {row.issue_id: row.covered_at for row in tx.execute(found)}


def checked_in(tx: Transaction, key_result_id: int) -> list[tuple[datetime, float]]:
    """Return the values that were checked in and not withdrawn, each with its time, oldest first."""
    c = check_in.c
    valid = (c.key_result_id == key_result_id, c.value.isnot(None), c.withdrawn_at.is_(None))
    return [(row.at, row.value) for row in tx.execute(sa.select(c.at, c.value).where(*valid).order_by(c.id))]


def ticks(tx: Transaction, key_result_id: int) -> list[Tick]:
    """Return all ticks of a key result's steps."""
    t = step_tick.c
    found = sa.select(t.step, t.at, t.undone_at).where(t.key_result_id == key_result_id).order_by(t.id)
    return [Tick(row.step, row.at, row.undone_at) for row in tx.execute(found)]


def step_issues(tx: Transaction, references: Collection[str]) -> Mapping[str, Sequence[StateChange]]:
    """Return the known changes of the issues of steps, by their references (CONNECTION:KEY in any case)."""
    known = steps.issue_rows(tx, references, _COLUMNS)
    states = issue_states.read(tx, {row.id for row in known.values()})
    return {one: _changes(states[row.id], row) for one, row in known.items()}
