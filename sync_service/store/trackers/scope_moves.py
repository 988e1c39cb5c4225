"""Scope moves: a connection begins to watch a scope of a sibling, and takes over its issues, in chunks.

While the issues are copied, only the sibling watches the scope, and all numbers are made from its issues. What arrives
meanwhile is applied to both rows of an issue. Then both watch it, as siblings may, until the links are made and the
changed rules are active. Then the sibling stops watching it, if a file says so. A killed process leaves the move's row,
and its relink request is due again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.store.engine.database import DatabaseNow, database_now
from sync_service.store.engine.many_rows import update_rows
from sync_service.store.queue import relink_requests
from sync_service.store.tables import (
    issue,
    live_connection,
    live_scope,
    manual_link,
    relink_request,
    rule_revision,
    scope,
    scope_move,
)
from sync_service.store.trackers import issue_copies, scope_removal, siblings
from sync_service.store.trackers.scope_names import current_name

CHUNK = 500
"""Issues copied in one transaction."""

LONGEST_BACKLOG = timedelta(hours=1)
"""How long before it was applied a delivery may have been received."""

Stage = Literal["copying", "linking", "activating"]


def adopt(tx: Transaction, connection_id: int, name: str) -> bool:
    """Take over the issues of a scope that a connection begins to watch from a sibling; return whether there is one.

    The scope's id and coverage, its issues and their comments are copied, so that nothing has to be imported again.
    If there are issues, the connection's own row of the scope is deleted, and created again when they are copied.
    """
    theirs = siblings.watched_by_sibling(tx, connection_id, name)
    if theirs is None:
        return False
    mine = sa.and_(scope.c.connection_id == connection_id, scope.c.name == name)
    covered_at: datetime | None = tx.scalar(sa.select(scope.c.covered_at).where(mine))
    tx.execute(sa.delete(scope).where(mine))
    row = {
        "connection_id": connection_id,
        "reasons": [RelinkReason(what=f"scope {name} watched", scope=name).to_columns()],
    }
    request = sa.insert(relink_request).values(row | {"due_at": database_now(tx)}).returning(relink_request.c.id)
    move = {
        "connection_id": connection_id,
        "name": name,
        "from_scope_id": theirs.id,
        "request_id": tx.execute(request).scalar_one(),
        "covered_at": covered_at,
        "began_at": DatabaseNow(),
        "stage": "copying",
    }
    tx.execute(sa.insert(scope_move).values(move))
    first = _after(tx, theirs.id, 0, limit=1)
    if not first:
        found = of_request(tx, move["request_id"])
        assert found is not None
        watch(tx, found)
        end(tx, found)
        tx.execute(sa.delete(relink_request).where(relink_request.c.id == move["request_id"]))
    return True


def of_request(tx: Transaction, request_id: int) -> Row[Any] | None:
    """Return the move that a relink request does; None when it does none."""
    return tx.execute(sa.select(scope_move).where(scope_move.c.request_id == request_id)).one_or_none()


def copy_chunk(tx: Transaction, move: Row[Any], *, after: int) -> int | None:
    """Copy the next issues after a row id; return the last one's id, None when all are copied.

    The caller holds the lock of the rules, so no issue is changed meanwhile.
    """
    ids = _after(tx, move.from_scope_id, after, limit=CHUNK)
    issue_copies.copy(tx, ids, connection_id=move.connection_id)
    if ids:
        return ids[-1]
    missed = _missed(tx, move)
    issue_copies.copy(tx, missed, connection_id=move.connection_id)
    return after if missed else None


def _after(tx: Transaction, scope_id: int, after: int, *, limit: int) -> list[int]:
    mine = sa.select(issue.c.id).where(issue.c.scope_id == scope_id, issue.c.id > after)
    return list(tx.scalars(mine.order_by(issue.c.id).limit(limit)))


def _missed(tx: Transaction, move: Row[Any]) -> list[int]:
    """Return issues that came into the scope after the copy had passed their row ids."""
    copy = issue.alias("copy")
    known = sa.exists().where(copy.c.connection_id == move.connection_id, copy.c.identity == issue.c.identity)
    since = sa.or_(issue.c.seen_at >= move.began_at, issue.c.received_at >= move.began_at - LONGEST_BACKLOG)
    late = sa.and_(issue.c.scope_id == move.from_scope_id, since, ~known)
    return list(tx.scalars(sa.select(issue.c.id).where(late).limit(CHUNK)))


def watch(tx: Transaction, move: Row[Any]) -> None:
    """Let both connections watch the scope. The caller has bumped the rules' version."""
    theirs = tx.execute(sa.select(scope).where(scope.c.id == move.from_scope_id)).one()
    row = {
        "connection_id": move.connection_id,
        "name": move.name,
        "external_id": theirs.external_id,
        "covered_at": move.covered_at or theirs.covered_at,
    }
    tx.execute(sa.insert(scope).values(row))
    issue_copies.copy_terms(tx, theirs.connection_id, move.connection_id)
    issue_copies.copy_former_names(tx, theirs, move.connection_id)
    present = current_name(theirs)
    if theirs.external_id is not None and present.casefold() != move.name.casefold():
        mine = sa.and_(scope.c.connection_id == move.connection_id, scope.c.name == move.name)
        tx.execute(sa.update(scope).where(mine).values(current_name=present))
        relink_requests.rename(tx, move.connection_id, scope=theirs.external_id, was=move.name, now=present)
    set_stage(tx, move, "linking")


def set_stage(tx: Transaction, move: Row[Any], stage: Stage) -> None:
    """Save the progress of a move, and make the rules due that waited for it."""
    tx.execute(sa.update(scope_move).where(scope_move.c.id == move.id).values(stage=stage))
    r = rule_revision
    waiting = sa.and_(r.c.connection_id == move.connection_id, r.c.state == "pending", r.c.due_at.isnot(None))
    tx.execute(sa.update(r).where(waiting, r.c.lease.is_(None)).values(due_at=DatabaseNow()))


def holds_rules_back(tx: Transaction, connection_id: int) -> bool:
    """Return whether a connection's new rules wait until their issues are copied and linked.

    The removed rules of a connection that is leaving wait too, until those that replace them count.
    """
    under_way = sa.and_(scope_move.c.connection_id == connection_id, scope_move.c.stage != "activating")
    leaving = sa.and_(live_connection.c.id == connection_id, live_connection.c.leaving_at.isnot(None))
    return tx.scalar(sa.select(sa.or_(sa.exists().where(under_way), sa.exists().where(leaving)))) is True


def waits_for_rules(tx: Transaction, move: Row[Any]) -> bool:
    """Return whether a connection has new rules that are not active yet, and may become so."""
    r = rule_revision.c
    pending = sa.and_(r.connection_id == move.connection_id, r.state == "pending", r.buried_at.is_(None))
    return tx.scalar(sa.select(sa.exists().where(pending))) is True


def wake(tx: Transaction, connection_id: int) -> None:
    """Make the moves due that wait for a connection's rules."""
    mine = sa.select(scope_move.c.request_id).where(scope_move.c.connection_id == connection_id)
    q = relink_request
    waiting = sa.and_(q.c.id.in_(mine), q.c.lease.is_(None), q.c.due_at.isnot(None))
    tx.execute(sa.update(q).where(waiting).values(due_at=DatabaseNow()))


def end(tx: Transaction, move: Row[Any]) -> None:
    """End a move: let the sibling stop watching, if a file says so. The caller has bumped the rules' version."""
    tx.execute(sa.delete(scope_move).where(scope_move.c.id == move.id))
    dropped = _drop(tx, move.from_scope_id) if move.drops else None
    if dropped is not None:
        why = RelinkReason(what=f"scope {dropped.name} no longer watched", scope=dropped.name)
        relink_requests.add(tx, [(dropped.connection_id, [why])])


def stop_watching(tx: Transaction, connection_id: int, names: Collection[str]) -> None:
    """Stop watching scopes: at once, or once they have moved, where they move to another connection.

    A move to this connection is given up. The caller has bumped the rules' version, and relinks the connection.
    """
    given_up = sa.and_(scope_move.c.connection_id == connection_id, scope_move.c.name.in_(names))
    for move in tx.execute(sa.select(scope_move).where(given_up).order_by(scope_move.c.id)).all():
        tx.execute(sa.delete(relink_request).where(relink_request.c.id == move.request_id))
        end(tx, move)
    mine = sa.and_(live_scope.c.connection_id == connection_id, live_scope.c.name.in_(names))
    for scope_id in tx.scalars(sa.select(live_scope.c.id).where(mine).order_by(live_scope.c.id)).all():
        _drop(tx, scope_id)


def keep_watching(tx: Transaction, connection_id: int, names: Collection[str]) -> None:
    """Keep watching scopes that were to be dropped once they have moved."""
    mine = sa.select(scope.c.id).where(scope.c.connection_id == connection_id, scope.c.name.in_(names))
    tx.execute(sa.update(scope_move).where(scope_move.c.from_scope_id.in_(mine)).values(drops=False))
    if tx.execute(sa.delete(manual_link).where(manual_link.c.kept_for_scope_id.in_(mine))).rowcount:
        relink_requests.add(tx, [(connection_id, [RelinkReason(what="manual links changed", origin="manual")])])


def _drop(tx: Transaction, scope_id: int) -> Row[Any] | None:
    """Stop watching a scope now, and return it; or let the last move from it do that, and return None."""
    moves = sa.update(scope_move).where(scope_move.c.from_scope_id == scope_id).values(drops=True)
    if tx.execute(moves).rowcount:
        return None
    dropped = tx.execute(sa.select(scope).where(scope.c.id == scope_id)).one()
    tx.execute(sa.delete(manual_link).where(manual_link.c.kept_for_scope_id == scope_id))
    scope_removal.begin(tx, [scope_id])
    return dropped


def moving_names(tx: Transaction, connection_id: int) -> list[str]:
    """Return the names of the scopes that move to a connection and that it does not watch yet."""
    mine = sa.and_(scope_move.c.connection_id == connection_id, scope_move.c.stage == "copying")
    return list(tx.scalars(sa.select(scope_move.c.name).where(mine).order_by(scope_move.c.id)))


def configured_names(tx: Transaction) -> Mapping[int, Sequence[str]]:
    """Return the names of the scopes of each connection as they were configured, whatever is moving."""
    leaving = sa.select(scope_move.c.from_scope_id).where(scope_move.c.drops)
    watched = sa.select(live_scope.c.connection_id, live_scope.c.name).where(live_scope.c.id.notin_(leaving))
    coming = sa.select(scope_move.c.connection_id, scope_move.c.name).where(scope_move.c.stage == "copying")
    found: dict[int, list[str]] = defaultdict(list)
    for statement in (watched.order_by(live_scope.c.id), coming.order_by(scope_move.c.id)):
        for connection_id, name in tx.execute(statement):
            found[connection_id].append(name)
    return found


def keep_links(tx: Transaction, link_ids: Sequence[int]) -> set[int]:
    """Keep the links by hand that a file moves with their issue's scope, until the scope has moved; return these.

    No process reads them as configured meanwhile.
    """
    moved, m, mine = manual_link.alias("moved"), scope_move, manual_link
    same = sa.and_(
        moved.c.key_result_id == mine.c.key_result_id, sa.func.lower(moved.c.key) == sa.func.lower(mine.c.key)
    )
    scopes = (
        sa.select(mine.c.id, sa.func.min(m.c.from_scope_id).label("scope_id"))
        .select_from(mine)
        .join(issue, issue.c.id == mine.c.issue_id)
        .join(m, sa.and_(m.c.from_scope_id == issue.c.scope_id, m.c.drops))
        .join(moved, sa.and_(moved.c.connection_id == m.c.connection_id, same))
        .where(mine.c.id.in_(link_ids))
        .group_by(mine.c.id)
    )
    kept = [{"id": row.id, "kept_for_scope_id": row.scope_id} for row in tx.execute(scopes)]
    update_rows(tx, mine, kept)
    return {row["id"] for row in kept}


def leave(tx: Transaction, connection_id: int) -> bool:
    """Give up the moves to a connection that is removed; return whether scopes of it still move to another one.

    Then it watches only these, and no more once they have moved.
    """
    mine = sa.select(scope.c.name).where(scope.c.connection_id == connection_id)
    coming = sa.select(scope_move.c.name).where(scope_move.c.connection_id == connection_id)
    names = tx.scalars(mine.union(coming)).all()
    if not moves_from(tx, connection_id):
        for move in tx.execute(sa.select(scope_move).where(scope_move.c.connection_id == connection_id)).all():
            end(tx, move)
        return False
    stop_watching(tx, connection_id, names)
    return True


def moves_from(tx: Transaction, connection_id: int) -> bool:
    """Return whether a scope of a connection moves to another one."""
    mine = sa.select(scope.c.id).where(scope.c.connection_id == connection_id)
    return tx.scalar(sa.select(sa.exists().where(scope_move.c.from_scope_id.in_(mine)))) is True
