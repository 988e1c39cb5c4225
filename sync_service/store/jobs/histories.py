"""Histories of issues: which ones to read from the tracker, and save them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Kind, State
from sync_service.domain.trackers.state_changes import (
    HistoryRef,
    IssueHistory,
    IssueStates,
    usable,
    with_history,
    with_states,
)
from sync_service.store.cycles import spans
from sync_service.store.engine import versions
from sync_service.store.engine.database import among
from sync_service.store.okrs import compiled_rules, key_results
from sync_service.store.okrs.linked_issues import counts
from sync_service.store.queue import relink_requests
from sync_service.store.tables import issue, link, live_key_result, live_objective
from sync_service.store.trackers import issue_states, issues

READ_AGAIN = timedelta(days=7)
"""How soon a history that the tracker did not give whole is read again."""

OF_THE_PAST = frozenset({"started_at", "reopened"})
"""What measures read of an issue's past."""

ENDED_LATELY = timedelta(days=7)
"""Cycles that ended no longer ago than this count as running: their values may still change."""


def wanted(tx: Transaction, connection_id: int, *, now: datetime, limit: int, starts: bool) -> list[HistoryRef]:
    """Return linked issues of running cycles of whose changes since the cycle's start some are unknown.

    Those of the newest cycle come first.
    With `starts`, also those that were done without a known start since their history was read.
    """
    running = {
        span.starts_at: among(tx, live_objective.c.id, some)
        for span, some in spans.objectives_by_span(tx).items()
        if span.starts_at <= now < span.ends_at + ENDED_LATELY
    }
    if not running:
        return []
    starts_at = sa.case(*((mine, sa.literal(at, issue.c.closed_at.type)) for at, mine in running.items()))
    newest = sa.func.max(starts_at)
    ids = (
        sa.select(issue.c.id)
        .join(link, link.c.issue_id == issue.c.id)
        .join(live_key_result, live_key_result.c.id == link.c.key_result_id)
        .join(live_objective, live_objective.c.id == live_key_result.c.objective_id)
        .where(issue.c.connection_id == connection_id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None), counts)
        .where(sa.or_(*running.values()))
        .where(sa.or_(_unknown(now, starts_at), _unknown_start() if starts else sa.false()))
        .group_by(issue.c.id)
        .order_by(newest.desc(), issue.c.id)
        .limit(limit)
    )
    found = [one.id for one in tx.execute(ids)]
    rows = {row.id: row for row in tx.execute(sa.select(issue).where(issue.c.id.in_(found)))}
    return [
        HistoryRef(
            identity=row.identity,
            key=row.key,
            kind=Kind(row.kind or Kind.ISSUE),
            state=State(row.state),
            created_at=row.created_at,
        )
        for row in (rows[one] for one in found)
    ]


def _unknown(now: datetime, starts_at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    since = issue.c.states_known_since
    late = sa.and_(since > starts_at, sa.or_(issue.c.created_at.is_(None), since > issue.c.created_at))
    return sa.and_(sa.or_(since.is_(None), late), _not_read_since(sa.literal(now - READ_AGAIN, issue.c.closed_at.type)))


def _unknown_start() -> sa.ColumnElement[bool]:
    done = sa.and_(issue.c.state == State.DONE, issue.c.started_at.is_(None), issue.c.closed_at.isnot(None))
    return sa.and_(done, _not_read_since(issue.c.closed_at))


def _not_read_since(at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    return sa.or_(issue.c.history_read_at.is_(None), issue.c.history_read_at < at)


def save(tx: Transaction, connection_id: int, histories: Iterable[IssueHistory], *, read_at: datetime) -> int:
    """Save histories, asked for at a time, and request to compute their key results; return how many are new.

    A history without changes is noted as read, and changes nothing else.
    """
    by_identity = {one.identity: one for one in histories}
    rows = issues.lock(tx, {(connection_id, identity): None for identity in by_identity})
    known = {
        row.id: (row.issue, usable(row.issue, by_identity[identity]))
        for (_, identity), row in rows.items()
        if row.issue
    }
    held = issue_states.read(tx, known)
    after = {row_id: held[row_id].with_history(history.changes) for row_id, (_, history) in known.items()}
    issue_states.save(tx, held, after)
    found = {row_id: _with_past(one, history, after[row_id]) for row_id, (one, history) in known.items()}
    _save_columns(tx, found, read_at)
    changed = [one for one in known if found[one] != known[one][0] or after[one] != held[one]]
    if changed:
        versions.bump(tx, versions.CHANGES)
        _recompute(tx, changed, read_at)
        started = [one for one in known if found[one].started_at != known[one][0].started_at]
        if started and compiled_rules.name_start(tx, connection_id):
            why = RelinkReason(what="its start was read from the tracker", origin="rule")
            relink_requests.of_issues(tx, connection_id, [found[one].identity for one in started], [why])
    return len(changed)


def _with_past(one: Issue, history: IssueHistory, states: IssueStates) -> Issue:
    return with_states(with_history(one, history), states.changes)


def _save_columns(tx: Transaction, found: Mapping[int, Issue], read_at: datetime) -> None:
    if not found:
        return
    names = ("started_at", "reopened", "states_known_since")
    rows = [{"of": row_id, **{name: getattr(one, name) for name in names}} for row_id, one in found.items()]
    values: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(name) for name in names}
    statement = sa.update(issue).where(issue.c.id == sa.bindparam("of"))
    tx.execute(statement.values({**values, "history_read_at": read_at}), rows)


def _recompute(tx: Transaction, issue_ids: list[int], now: datetime) -> None:
    """Request to compute the key results of issues whose values depend on their past.

    After the end of a cycle each value is as of the end, whatever its measure reads.
    """
    mine = sa.select(link.c.key_result_id).where(link.c.issue_id.in_(issue_ids))
    reached = sa.select(live_key_result.c.id, live_key_result.c.measure).where(live_key_result.c.id.in_(mine))
    ended = set(spans.key_results_ended(tx, now))
    concerned = [
        row.id for row in tx.execute(reached) if row.id in ended or parse_measure(row.measure).reads & OF_THE_PAST
    ]
    key_results.recompute(tx, concerned, causes=[Cause(what="the past of its issues was read from the tracker")])
