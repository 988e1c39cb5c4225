"""Query members: which issues each revision's query is known to find, and when each was last matched.

There are two sources: a listing of all members, and a match of a single issue after it changed. A listing run that
began before the match, or so soon after it that the tracker's search index may lag, does not override it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import database_now, insert_or_skip, upsert
from sync_service.store.tables import issue, live_scope, query_member, rule_revision

LAG = timedelta(minutes=5)
"""How far a tracker's search index may lag."""

SWEEP = 5000
"""Rows deleted in one transaction."""


def of_issues(tx: Transaction, issue_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the ids of the revisions whose queries find issues, by the issue's row id."""
    found: dict[int, set[int]] = defaultdict(set)
    statement = (
        sa.select(issue.c.id, query_member.c.revision_id)
        .join(query_member, sa.and_(query_member.c.identity == issue.c.identity, query_member.c.holds))
        .join(rule_revision, rule_revision.c.id == query_member.c.revision_id)
        .where(rule_revision.c.connection_id == issue.c.connection_id)
        .where(issue.c.id.in_(issue_ids))
    )
    for row in tx.execute(statement):
        found[row.id].add(row.revision_id)
    return found


def of_revisions(
    tx: Transaction, revision_ids: Collection[int], identities: Collection[str]
) -> dict[tuple[int, str], bool]:
    """Return whether issues are members, by (revision id, identity), where a row exists."""
    if not revision_ids or not identities:
        return {}
    mine = sa.and_(query_member.c.revision_id.in_(revision_ids), query_member.c.identity.in_(identities))
    rows = tx.execute(sa.select(query_member.c.revision_id, query_member.c.identity, query_member.c.holds).where(mine))
    return {(row.revision_id, row.identity): row.holds for row in rows}


def record(tx: Transaction, answers: Mapping[int, Mapping[str, bool]], *, under_way: Collection[int]) -> None:
    """Record matches of single issues: revision id → identity → is a member. The caller has locked the issues.

    A "no member" is stored only where a row exists, or for revisions with a run under way (`under_way`), which could
    still list the issue. The time is stored even if nothing changed: a run that began earlier must not override it.
    """
    known = of_revisions(tx, answers.keys(), {identity for results in answers.values() for identity in results})
    wanted = [
        (revision_id, identity, holds)
        for revision_id, results in answers.items()
        for identity, holds in results.items()
        if holds or revision_id in under_way or (revision_id, identity) in known
    ]
    if wanted:
        now = database_now(tx)
        rows: list[dict[str, Any]] = [
            {"revision_id": revision_id, "identity": identity, "holds": holds, "matched_at": now}
            for revision_id, identity, holds in sorted(wanted)
        ]
        upsert(tx, query_member, rows, unique=("revision_id", "identity"))


def clear_match_times(tx: Transaction, revision_id: int, identities: Collection[str]) -> None:
    """Clear the times when members were matched: the next listing alone decides. The caller has locked the issues."""
    if identities:
        mine = sa.and_(query_member.c.revision_id == revision_id, query_member.c.identity.in_(identities))
        tx.execute(sa.update(query_member).where(mine).values(matched_at=None))


def show(tx: Transaction, revision_id: int, identities: Iterable[str], *, run: int) -> None:
    """Note that a listing run contains these issues; they become members when it ends."""
    ordered = sorted(set(identities))
    rows = [{"revision_id": revision_id, "identity": identity, "holds": False} for identity in ordered]
    insert_or_skip(tx, query_member, rows, unique=("revision_id", "identity"), run=run)
    mine = sa.and_(query_member.c.revision_id == revision_id, query_member.c.identity.in_(ordered))
    tx.execute(sa.update(query_member).where(mine).values(run=run))


def differing(
    tx: Transaction, revision_id: int, *, run: int, began_at: datetime, complete: bool, limit: int
) -> dict[str, bool]:
    """Return some issues whose membership differs after an ended run: identity → is a member according to the run.

    A member in a scope that is hidden from us stays: the run can't contain it.
    """
    rows = (
        sa.select(query_member.c.identity, query_member.c.holds)
        .where(
            query_member.c.revision_id == revision_id, _unmatched_since(began_at), _contradicts(run, complete=complete)
        )
        .order_by(query_member.c.id)
        .limit(limit)
    )
    return {row.identity: not row.holds for row in tx.execute(rows)}


def leaving(
    tx: Transaction, revision_id: int, *, run: int, began_at: datetime, after: str, limit: int
) -> dict[str, str]:
    """Return the next members, in the order of identity, that a complete run would remove: identity → key."""
    rows = (
        sa.select(query_member.c.identity, issue.c.key)
        .join(rule_revision, rule_revision.c.id == query_member.c.revision_id)
        .join(
            issue,
            sa.and_(
                issue.c.connection_id == rule_revision.c.connection_id, issue.c.identity == query_member.c.identity
            ),
        )
        .where(query_member.c.revision_id == revision_id, query_member.c.identity > after)
        .where(_unmatched_since(began_at), _contradicts(run, complete=True), query_member.c.run != run)
        .where(issue.c.gone_reason.is_(None))
        .order_by(query_member.c.identity)
        .limit(limit)
    )
    return {row.identity: row.key for row in tx.execute(rows)}


def apply_run(
    tx: Transaction, revision_id: int, identities: Sequence[str], *, run: int, began_at: datetime, complete: bool
) -> None:
    """Apply a run's result to issues where it still differs; the caller has locked the known ones."""
    mine = sa.and_(
        query_member.c.revision_id == revision_id, query_member.c.identity.in_(identities), _unmatched_since(began_at)
    )
    shown = sa.and_(mine, query_member.c.run == run, sa.not_(query_member.c.holds))
    tx.execute(sa.update(query_member).where(shown).values(holds=True))
    if complete:
        tx.execute(sa.delete(query_member).where(mine, query_member.c.run != run, query_member.c.holds))


def is_contradicted(tx: Transaction, revision_id: int, *, run: int, began_at: datetime) -> bool:
    """Return whether a complete run contradicts a recent match of a single issue; the match still wins for now."""
    contradicted = sa.and_(
        query_member.c.revision_id == revision_id, sa.not_(_unmatched_since(began_at)), _contradicts(run, complete=True)
    )
    return tx.scalar(sa.select(sa.exists().where(contradicted))) is True


def delete_non_members(tx: Transaction, revision_id: int, *, run: int, began_at: datetime) -> bool:
    """Delete some rows of issues that are not members; return whether there were any."""
    spent = sa.and_(sa.not_(query_member.c.holds), query_member.c.run != run, _unmatched_since(began_at))
    return _remove(tx, sa.and_(query_member.c.revision_id == revision_id, spent))


def sweep(tx: Transaction, revision_id: int) -> bool:
    """Delete some rows of a retired revision; return whether there were any."""
    return _remove(tx, query_member.c.revision_id == revision_id)


def count(tx: Transaction, revision_ids: Collection[int]) -> dict[int, int]:
    """Return the number of members by revision."""
    mine = sa.and_(query_member.c.revision_id.in_(revision_ids), query_member.c.holds)
    counted = sa.select(query_member.c.revision_id, sa.func.count().label("members")).where(mine)
    return {row.revision_id: row.members for row in tx.execute(counted.group_by(query_member.c.revision_id))}


def _unmatched_since(began_at: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(query_member.c.matched_at.is_(None), query_member.c.matched_at < began_at - LAG)


def _contradicts(run: int, *, complete: bool) -> sa.ColumnElement[bool]:
    shown = sa.and_(query_member.c.run == run, sa.not_(query_member.c.holds))
    hidden = sa.exists().where(
        rule_revision.c.id == query_member.c.revision_id,
        issue.c.connection_id == rule_revision.c.connection_id,
        issue.c.identity == query_member.c.identity,
        live_scope.c.id == issue.c.scope_id,
        live_scope.c.gone_reason.isnot(None),
    )
    missing = sa.and_(query_member.c.run != run, query_member.c.holds, ~hidden)
    return sa.or_(shown, missing) if complete else shown


def _remove(tx: Transaction, which: sa.ColumnElement[bool]) -> bool:
    some = sa.select(query_member.c.id).where(which).limit(SWEEP)
    return tx.execute(sa.delete(query_member).where(query_member.c.id.in_(some))).rowcount > 0
