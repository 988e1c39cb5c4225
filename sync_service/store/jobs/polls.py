"""Polls: cursor and progress of each scope's poll; a row does not settle while the connection has credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.text import counted
from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.store.engine import versions
from sync_service.store.engine.database import DatabaseNow, insert_or_skip
from sync_service.store.okrs import key_results
from sync_service.store.okrs.linked_issues import counts
from sync_service.store.queue import fetch_requests
from sync_service.store.tables import fetch_request, issue, link, live_connection, live_scope, poll, rule, scope
from sync_service.store.trackers.scope_names import current_name

OVERLAP = timedelta(minutes=5)
"""How far a run starts before the newest change of the last run, by the tracker's clock: its pages may lag.

The first run of a scope whose earlier issues are ignored starts so far before the scope was added, by our clock: the
tracker's may be behind.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollScope:
    """The scope of a poll. `covered`: its first import is complete, so all its issues are known."""

    id: int
    name: str
    external_id: str | None
    covered: bool


def ensure(tx: Transaction, connection_id: int) -> None:
    """Poll every scope of a connection now; a scope that is not covered starts with a full import."""
    mine = sa.select(live_scope.c.id, live_scope.c.covered_at).where(live_scope.c.connection_id == connection_id)
    rows = [
        {"connection_id": connection_id, "scope_id": row.id, "since": row.covered_at and row.covered_at - OVERLAP}
        for row in tx.execute(mine.order_by(live_scope.c.id))
    ]
    insert_or_skip(tx, poll, rows, unique=("scope_id",), due_at=DatabaseNow())
    for row in rows:
        if row["since"] is not None:  # an import that was cancelled does not continue: poll for changes only
            cancelled = sa.and_(poll.c.scope_id == row["scope_id"], poll.c.done_at.is_(None), poll.c.since.is_(None))
            tx.execute(sa.update(poll).where(cancelled).values(since=row["since"], cursor=None, lease=None))
    hurry(tx, connection_id)


def read_again(tx: Transaction, connection_id: int) -> None:
    """Let the next polls of a connection list its issues again: there is more to read of them than before.

    Of a scope whose earlier issues are ignored, these are the issues that changed since it was added. A first import
    that is under way begins again.
    """
    mine = sa.select(live_scope.c.id, live_scope.c.covered_at, live_connection.c.earlier)
    mine = mine.join(live_connection, live_connection.c.id == live_scope.c.connection_id)
    for row in tx.execute(mine.where(live_scope.c.connection_id == connection_id)).all():
        since = row.covered_at - OVERLAP if row.covered_at and row.earlier == "ignore" else None
        again = sa.update(poll).where(poll.c.scope_id == row.id)
        tx.execute(again.values(since=since, cursor=None, lease=None))
    hurry(tx, connection_id)


def hurry(tx: Transaction, connection_id: int | None = None) -> int:
    """Make the waiting polls of one connection, or of all, due now; return how many there are."""
    waiting = sa.update(poll).where(poll.c.lease.is_(None))
    if connection_id is not None:
        waiting = waiting.where(poll.c.connection_id == connection_id)
    reset = {"due_at": DatabaseNow(), "settled_at": None, "buried_at": None, "attempts": 0}
    return tx.execute(waiting.values(reset)).rowcount


def poll_scope(tx: Transaction, row: Row[Any]) -> PollScope:
    """Return the scope of a poll."""
    found = tx.execute(sa.select(live_scope).where(live_scope.c.id == row.scope_id)).one()
    return PollScope(
        id=found.id,
        name=current_name(found),
        external_id=found.external_id,
        covered=found.covered_at is not None,
    )


def cover(tx: Transaction, row: Row[Any], polled: PollScope, *, seen: int) -> None:
    """Mark a scope as covered and request to compute every key result that reaches it.

    Call this first in `tx`: it changes the rules' version.
    """
    versions.lock_rules(tx)
    versions.bump(tx, versions.RULES)
    tx.execute(sa.update(scope).where(scope.c.id == polled.id).values(covered_at=DatabaseNow()))
    by_rule = sa.select(rule.c.key_result_id).where(rule.c.connection_id == row.connection_id)
    by_link = sa.select(link.c.key_result_id).join(issue, issue.c.id == link.c.issue_id)
    reached = tx.scalars(by_rule.union(by_link.where(issue.c.scope_id == polled.id))).all()
    cause = Cause(what=f"first import of {polled.name} complete, {counted(seen, 'issue')} seen")
    key_results.recompute(tx, reached, causes=[cause])


def request_unseen(tx: Transaction, polled: PollScope, connection_id: int, *, before: datetime, limit: int) -> int:
    """Request fetches of linked issues of a scope that the tracker has not reported since `before`; return how many.

    Poll pages do not contain issues that were deleted, transferred or hidden.
    """
    linked = sa.exists().where(link.c.issue_id == issue.c.id, counts)
    # An unreachable issue is requested as often as any other, not in each run.
    same = sa.and_(fetch_request.c.connection_id == issue.c.connection_id, fetch_request.c.identity == issue.c.identity)
    recently_requested = sa.exists().where(
        same,
        sa.or_(
            fetch_request.c.settled_at >= before,
            fetch_request.c.buried_at >= before,
            fetch_request.c.due_at.isnot(None),
        ),
    )
    unseen = (
        sa.select(issue.c.identity, issue.c.key)
        .where(issue.c.scope_id == polled.id, issue.c.gone_reason.is_(None), linked)
        .where(sa.or_(issue.c.seen_at.is_(None), issue.c.seen_at < before), ~recently_requested)
        .order_by(issue.c.seen_at, issue.c.id)
        .limit(limit)
    )
    wanted = {
        (connection_id, row.identity): (
            FetchNeeded(identity=row.identity, key=row.key, reason="not seen for long"),
            None,
        )
        for row in tx.execute(unseen)
    }
    fetch_requests.add(tx, wanted)
    return len(wanted)


def all_of(tx: Transaction, connection_ids: Sequence[int]) -> list[Row[Any]]:
    """Return the polls of connections that are not settled."""
    mine = sa.and_(poll.c.connection_id.in_(connection_ids), poll.c.due_at.isnot(None))
    return list(tx.execute(sa.select(poll).where(mine).order_by(poll.c.id)))


def is_importing(tx: Transaction, connection_id: int) -> bool:
    """Return whether a first import of a connection is under way and has not failed."""
    works = sa.and_(poll.c.attempts <= 1, poll.c.stopped_reason.is_(None))
    first = sa.and_(poll.c.connection_id == connection_id, poll.c.due_at.isnot(None), works)
    uncovered = sa.and_(
        live_scope.c.id == poll.c.scope_id, live_scope.c.covered_at.is_(None), live_scope.c.gone_reason.is_(None)
    )
    return tx.scalar(sa.select(sa.exists().where(first, uncovered))) is True


def read(tx: Transaction, ids: Sequence[int]) -> list[Row[Any]]:
    """Return polls, each with the `name` of its scope, the `slug` of its connection, and `is_due`."""
    due = (poll.c.due_at <= DatabaseNow()).label("is_due")
    found = sa.select(poll, live_scope.c.name, live_connection.c.slug, due).join(
        live_scope, live_scope.c.id == poll.c.scope_id
    )
    found = found.join(live_connection, live_connection.c.id == poll.c.connection_id)
    return list(tx.execute(found.where(poll.c.id.in_(ids)).order_by(poll.c.id)))
