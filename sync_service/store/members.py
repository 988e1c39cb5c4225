"""Members of queries: which issues each revision's query is known to find, and since when that is said.

Two say so: a listing, which shows every member, and the answer about a single issue after a change. A run that began
before such an answer, or so shortly after it that the tracker's index may not know of the change, does not undo it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.database import database_now, insert_or_skip, upsert
from sync_service.store.tables import issue, member, rule_revision, scope

LAG = timedelta(minutes=5)
"""How far the index behind a tracker's search may lag behind what happened."""

SWEEP = 5000
"""Rows removed in one transaction."""


def of_issues(tx: Transaction, issue_ids: Collection[int]) -> dict[int, set[int]]:
    """Give the ids of the revisions whose queries find issues, by the issues' row ids."""
    found: dict[int, set[int]] = defaultdict(set)
    statement = (
        sa.select(issue.c.id, member.c.revision_id)
        .join(member, sa.and_(member.c.identity == issue.c.identity, member.c.holds))
        .join(rule_revision, rule_revision.c.id == member.c.revision_id)
        .where(rule_revision.c.connection_id == issue.c.connection_id)
        .where(issue.c.id.in_(issue_ids))
    )
    for row in tx.execute(statement):
        found[row.id].add(row.revision_id)
    return found


def of_revisions(
    tx: Transaction, revision_ids: Collection[int], identities: Collection[str]
) -> dict[tuple[int, str], bool]:
    """Tell of issues that revisions have rows for whether they are members."""
    if not revision_ids or not identities:
        return {}
    mine = sa.and_(member.c.revision_id.in_(revision_ids), member.c.identity.in_(identities))
    rows = tx.execute(sa.select(member.c.revision_id, member.c.identity, member.c.holds).where(mine))
    return {(row.revision_id, row.identity): row.holds for row in rows}


def judge(tx: Transaction, answers: Mapping[int, Mapping[str, bool]], *, remember: Collection[int]) -> None:
    """Note what the queries of revisions said of single issues; their rows are locked.

    That one is no member is only kept where a row says otherwise, or of a revision with a run under way, which may come
    to (`remember`). Where it says the same, since when is written: a run that began before must not undo it.
    """
    known = of_revisions(tx, answers.keys(), {identity for said in answers.values() for identity in said})
    wanted = [
        (revision_id, identity, holds)
        for revision_id, said in answers.items()
        for identity, holds in said.items()
        if holds or revision_id in remember or (revision_id, identity) in known
    ]
    if wanted:
        now = database_now(tx)
        rows: list[dict[str, Any]] = [
            {"revision_id": revision_id, "identity": identity, "holds": holds, "judged_at": now}
            for revision_id, identity, holds in sorted(wanted)
        ]
        upsert(tx, member, rows, unique=("revision_id", "identity"))


def doubt(tx: Transaction, revision_id: int, identities: Collection[str]) -> None:
    """Leave issues, of which it was said that they are members, to the next listing alone; their rows are locked."""
    if identities:
        mine = sa.and_(member.c.revision_id == revision_id, member.c.identity.in_(identities))
        tx.execute(sa.update(member).where(mine).values(judged_at=None))


def show(tx: Transaction, revision_id: int, identities: Iterable[str], *, run: int) -> None:
    """Note that a run of the listing shows issues; they become members when it ends."""
    ordered = sorted(set(identities))
    rows = [{"revision_id": revision_id, "identity": identity, "holds": False} for identity in ordered]
    insert_or_skip(tx, member, rows, unique=("revision_id", "identity"), run=run)
    mine = sa.and_(member.c.revision_id == revision_id, member.c.identity.in_(ordered))
    tx.execute(sa.update(member).where(mine).values(run=run))


def differing(
    tx: Transaction, revision_id: int, *, run: int, began_at: datetime, complete: bool, limit: int
) -> dict[str, bool]:
    """Give some of the issues of which a run that has ended says otherwise than is held: identity → is a member.

    One in a scope that is hidden from us stays, since it may be a member unseen.
    """
    rows = (
        sa.select(member.c.identity, member.c.holds)
        .where(member.c.revision_id == revision_id, _older(began_at), _contradicts(run, complete=complete))
        .order_by(member.c.id)
        .limit(limit)
    )
    return {row.identity: not row.holds for row in tx.execute(rows)}


def settle(
    tx: Transaction, revision_id: int, identities: Sequence[str], *, run: int, began_at: datetime, complete: bool
) -> None:
    """Make issues what a run says, where that still differs; those that are known are locked."""
    mine = sa.and_(member.c.revision_id == revision_id, member.c.identity.in_(identities), _older(began_at))
    shown = sa.and_(mine, member.c.run == run, sa.not_(member.c.holds))
    tx.execute(sa.update(member).where(shown).values(holds=True))
    if complete:
        tx.execute(sa.delete(member).where(mine, member.c.run != run, member.c.holds))


def is_contradicted(tx: Transaction, revision_id: int, *, run: int, began_at: datetime) -> bool:
    """Tell whether a complete run says otherwise of an issue than was said of it alone, which stands for now."""
    late = sa.and_(member.c.revision_id == revision_id, sa.not_(_older(began_at)), _contradicts(run, complete=True))
    return tx.scalar(sa.select(sa.exists().where(late))) is True


def forget(tx: Transaction, revision_id: int, *, run: int, began_at: datetime) -> bool:
    """Remove some rows of issues that are no members; tell whether there were any."""
    spent = sa.and_(sa.not_(member.c.holds), member.c.run != run, _older(began_at))
    return _remove(tx, sa.and_(member.c.revision_id == revision_id, spent))


def sweep(tx: Transaction, revision_id: int) -> bool:
    """Remove some rows of a retired revision; tell whether there were any."""
    return _remove(tx, member.c.revision_id == revision_id)


def count(tx: Transaction, revision_ids: Collection[int]) -> dict[int, int]:
    """Count the members of revisions."""
    mine = sa.and_(member.c.revision_id.in_(revision_ids), member.c.holds)
    counted = sa.select(member.c.revision_id, sa.func.count().label("members")).where(mine)
    return {row.revision_id: row.members for row in tx.execute(counted.group_by(member.c.revision_id))}


def _older(began_at: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(member.c.judged_at.is_(None), member.c.judged_at < began_at - LAG)


def _contradicts(run: int, *, complete: bool) -> sa.ColumnElement[bool]:
    shown = sa.and_(member.c.run == run, sa.not_(member.c.holds))
    hidden = sa.exists().where(
        rule_revision.c.id == member.c.revision_id,
        issue.c.connection_id == rule_revision.c.connection_id,
        issue.c.identity == member.c.identity,
        scope.c.id == issue.c.scope_id,
        scope.c.gone.isnot(None),
    )
    missing = sa.and_(member.c.run != run, member.c.holds, ~hidden)
    return sa.or_(shown, missing) if complete else shown


def _remove(tx: Transaction, which: sa.ColumnElement[bool]) -> bool:
    some = sa.select(member.c.id).where(which).limit(SWEEP)
    return tx.execute(sa.delete(member).where(member.c.id.in_(some))).rowcount > 0
