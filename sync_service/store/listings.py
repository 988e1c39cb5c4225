"""Listings of queries' members: one row for each revision with a query, which settles only when that is retired."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.causes import Cause
from sync_service.store import counters, key_results, members
from sync_service.store.database import DatabaseNow, database_now
from sync_service.store.tables import listing, rule_revision

SOONEST = timedelta(minutes=1)
"""A listing that is wanted sooner than usual begins this long after the last one began."""

NOT_YET = "not listed yet"

END = "end"
"""The cursor of a run whose last page was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """How far the listing of a rule's query has come, for people. `members` are known now."""

    rule: str
    query: str
    members: int
    outside: int
    done_at: datetime | None
    lacking: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far a run has come: `cursor` None is its beginning, END all but its end. `short`: it will not be complete."""

    number: int
    cursor: str | None
    began_at: datetime
    seen: int = 0
    outside: int = 0
    short: str | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> "Run":
        """Give the run that a listing's row tells of."""
        return cls(
            number=row.run,
            cursor=row.cursor or None,
            began_at=row.began_at,
            seen=row.seen,
            outside=row.outside,
            short=row.short,
        )

    def columns(self) -> dict[str, Any]:
        """Give the columns of the listing's row; an empty cursor there is a run that has begun."""
        return {
            "run": self.number,
            "cursor": self.cursor or "",
            "began_at": self.began_at,
            "seen": self.seen,
            "outside": self.outside,
            "short": self.short,
        }


def begin(tx: Transaction, revision_id: int, connection_id: int) -> None:
    """Let the members of a new revision's query be listed, now."""
    columns = {"revision_id": revision_id, "connection_id": connection_id, "due_at": DatabaseNow()}
    tx.execute(sa.insert(listing).values(columns))


def end(tx: Transaction, revision_id: int) -> None:
    """Forget the listing of a retired revision; who is at it loses the lease."""
    tx.execute(sa.delete(listing).where(listing.c.revision_id == revision_id))


def hurry(tx: Transaction, connection_id: int) -> None:
    """List the members of all queries of a connection now: it has other credentials, or somebody asks."""
    waiting = sa.and_(listing.c.connection_id == connection_id, listing.c.lease.is_(None), _is_live())
    again = {"due_at": DatabaseNow(), "settled_at": None, "buried_at": None, "attempts": 0}
    tx.execute(sa.update(listing).where(waiting).values(again))


def want(tx: Transaction, revision_ids: Collection[int]) -> None:
    """List members sooner than usual, where nobody is at it: something changed that only a listing can judge."""
    if not revision_ids:
        return
    now = database_now(tx)
    idle = sa.and_(listing.c.revision_id.in_(revision_ids), listing.c.cursor.is_(None), listing.c.attempts == 0)
    for row in tx.execute(sa.select(listing.c.id, listing.c.began_at).where(idle).order_by(listing.c.id)).all():
        soon = max(now, row.began_at + SOONEST) if row.began_at else now
        later = sa.and_(listing.c.id == row.id, listing.c.due_at > soon, idle)
        tx.execute(sa.update(listing).where(later).values(due_at=soon))


def running(tx: Transaction, revision_ids: Collection[int]) -> set[int]:
    """Tell of which revisions a listing is under way."""
    mine = sa.and_(listing.c.revision_id.in_(revision_ids), listing.c.cursor.isnot(None))
    return set(tx.scalars(sa.select(listing.c.revision_id).where(mine)))


def revision_of(tx: Transaction, row: Row[Any]) -> Row[Any]:
    """Give the revision that a listing is about."""
    return tx.execute(sa.select(rule_revision).where(rule_revision.c.id == row.revision_id)).one()


def let_count(tx: Transaction, revision_id: int) -> None:
    """Let a pending revision whose members are linked take the place of the one before."""
    waiting = sa.and_(rule_revision.c.id == revision_id, rule_revision.c.state == "pending")
    tx.execute(sa.update(rule_revision).where(waiting).values(due_at=DatabaseNow()))


def note_lacking(tx: Transaction, revision: Row[Any], lacking: str | None) -> None:
    """Say, or no longer say, why a query's members are not all known; its key result is computed with that.

    Must be the first that `tx` does: it changes the rules' version.
    """
    mine = listing.c.revision_id == revision.id
    if tx.scalar(sa.select(listing.c.lacking).where(mine)) == lacking:
        return
    counters.take_rules(tx)
    counters.bump(tx, counters.RULES)
    tx.execute(sa.update(listing).where(mine).values(lacking=lacking))
    said = lacking or "its query is listed whole"
    key_results.recompute(tx, [revision.key_result_id], causes=[Cause(what=f"rule {revision.rule_slug}: {said}")])


def partly_seen(tx: Transaction, *, without: Collection[int] = ()) -> dict[int, str]:
    """Say which key results wait for the members of a query, and why; as if the revisions `without` were retired."""
    r, before = rule_revision, rule_revision.alias()
    live = sa.select(r.c.key_result_id, r.c.rule_slug, listing.c.lacking)
    live = live.join(listing, listing.c.revision_id == r.c.id).where(r.c.rule_id.isnot(None))
    live = live.where(r.c.id.notin_(without))
    replaces = sa.exists().where(
        before.c.rule_id == r.c.rule_id, before.c.state == "active", before.c.query.isnot(None)
    )
    found = live.where(
        sa.or_(
            sa.and_(r.c.state == "pending", sa.or_(~replaces, listing.c.lacking.isnot(None))),
            sa.and_(r.c.state == "active", listing.c.done_at.is_(None)),
        )
    )
    return {
        row.key_result_id: f"query of rule {row.rule_slug}: {row.lacking or NOT_YET}"
        for row in tx.execute(found.order_by(r.c.id.desc()))
    }


def of_rules(tx: Transaction, rule_ids: Collection[int]) -> dict[int, Listed]:
    """Tell of each rule with a query how far its newest listing has come."""
    r = rule_revision.c
    mine = sa.and_(r.rule_id.in_(rule_ids), r.state != "retired")
    found = sa.select(listing, r.rule_id, r.rule_slug, r.query).join(rule_revision, r.id == listing.c.revision_id)
    rows = tx.execute(found.where(mine).order_by(r.id)).all()
    counted = members.count(tx, [row.revision_id for row in rows])
    return {
        row.rule_id: Listed(
            rule=row.rule_slug,
            query=row.query,
            members=counted.get(row.revision_id, 0),
            outside=row.outside,
            done_at=row.done_at,
            lacking=row.lacking,
        )
        for row in rows
    }


def toward(tx: Transaction, key_result_id: int) -> list[Listed]:
    """Tell of each query that counts toward a key result how far its listing has come."""
    r = rule_revision.c
    mine = sa.select(r.rule_id).where(r.key_result_id == key_result_id, r.rule_id.isnot(None), r.query.isnot(None))
    return list(of_rules(tx, list(tx.scalars(mine.order_by(r.rule_slug)))).values())


def _is_live() -> sa.ColumnElement[bool]:
    return sa.exists().where(rule_revision.c.id == listing.c.revision_id, rule_revision.c.state != "retired")
