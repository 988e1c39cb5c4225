"""Query listings: recurring runs that list all members of a query; one row per revision, settled when it is retired."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.listing import REASONS, ListingProgress
from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.queries import MemberPage
from sync_service.store.engine import versions
from sync_service.store.engine.database import DatabaseNow, database_now
from sync_service.store.okrs import key_results, query_members
from sync_service.store.tables import live_key_result, query_listing, rule_revision

SOONEST = timedelta(minutes=1)
"""The shortest time between the starts of two runs, when one is wanted sooner than usual."""

NOT_YET = "not listed yet"

END = "end"
"""The cursor of a run whose last page was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The state of a rule's query listing, for people. `members`: how many are known now."""

    rule: str
    query: str
    members: int
    outside: int
    done_at: datetime | None
    incomplete_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The progress of a run. `cursor`: None at its start, END after its last page.

    `run_incomplete_reason`: why it misses issues, such as a list that does not end.
    """

    number: int
    cursor: str | None
    began_at: datetime
    seen: int = 0
    outside: int = 0
    run_incomplete_reason: str | None = None
    listing: ListingProgress = field(default_factory=ListingProgress)

    @classmethod
    def of(cls, row: Row[Any]) -> "Run":
        """Return the run of a listing row."""
        return cls(
            number=row.run,
            cursor=row.cursor or None,
            began_at=row.began_at,
            seen=row.seen,
            outside=row.outside,
            run_incomplete_reason=row.run_incomplete_reason,
            listing=ListingProgress.of(row.listing),
        )

    def after(self, page: MemberPage) -> "Run":
        """Return the run after a page. It ends with the list, or as soon as the list is found not to end."""
        # A page with only issues in other scopes is not empty: its cursor is used in place of their ids.
        shown = [*page.found, *([page.cursor or ""] if page.outside else ())]
        listing = self.listing.after(shown, page.cursor)
        return replace(
            self,
            cursor=END if listing.problem else page.cursor or END,
            seen=self.seen + len(page.found),
            outside=self.outside + page.outside,
            run_incomplete_reason=listing.problem or page.incomplete_reason or self.run_incomplete_reason,
            listing=listing,
        )

    def columns(self) -> dict[str, Any]:
        """Return the columns of the listing row; an empty cursor is a run at its start."""
        return {
            "run": self.number,
            "cursor": self.cursor or "",
            "began_at": self.began_at,
            "seen": self.seen,
            "outside": self.outside,
            "run_incomplete_reason": self.run_incomplete_reason,
            "listing": self.listing.stored(),
        }


def begin(tx: Transaction, connections: Mapping[int, int]) -> None:
    """Request the first listing of the queries of new revisions, now: revision id → id of its connection."""
    rows = [{"revision_id": revision_id, "connection_id": id_} for revision_id, id_ in connections.items()]
    if rows:
        tx.execute(sa.insert(query_listing).values(due_at=DatabaseNow()), rows)


def end(tx: Transaction, revision_id: int) -> None:
    """Delete the listing of a retired revision; a worker that runs it loses the lease."""
    tx.execute(sa.delete(query_listing).where(query_listing.c.revision_id == revision_id))


def hurry(tx: Transaction, connection_id: int) -> None:
    """Request listings of all queries of a connection now: its credentials changed, or a person asked."""
    waiting = sa.and_(query_listing.c.connection_id == connection_id, query_listing.c.lease.is_(None), _is_live())
    reset = {"due_at": DatabaseNow(), "settled_at": None, "buried_at": None, "attempts": 0}
    tx.execute(sa.update(query_listing).where(waiting).values(reset))


def request_soon(tx: Transaction, revision_ids: Collection[int]) -> None:
    """Request listings sooner than usual, unless under way: something changed that only a listing can decide.

    One that did not end by itself waits as long as usual.
    """
    if not revision_ids:
        return
    now = database_now(tx)
    ends = sa.func.coalesce(query_listing.c.incomplete_reason, "").notin_(REASONS)
    untried = sa.and_(query_listing.c.cursor.is_(None), query_listing.c.attempts == 0)
    idle = sa.and_(query_listing.c.revision_id.in_(revision_ids), untried, ends)
    for row in tx.execute(
        sa.select(query_listing.c.id, query_listing.c.began_at).where(idle).order_by(query_listing.c.id)
    ).all():
        soon = max(now, row.began_at + SOONEST) if row.began_at else now
        later = sa.and_(query_listing.c.id == row.id, query_listing.c.due_at > soon, idle)
        tx.execute(sa.update(query_listing).where(later).values(due_at=soon))


def running(tx: Transaction, revision_ids: Collection[int]) -> set[int]:
    """Return the revisions with a listing under way."""
    mine = sa.and_(query_listing.c.revision_id.in_(revision_ids), query_listing.c.cursor.isnot(None))
    return set(tx.scalars(sa.select(query_listing.c.revision_id).where(mine)))


def revision_of(tx: Transaction, row: Row[Any]) -> Row[Any]:
    """Return the revision of a listing."""
    return tx.execute(sa.select(rule_revision).where(rule_revision.c.id == row.revision_id)).one()


def activate_revision(tx: Transaction, revision_id: int) -> None:
    """Make a pending revision due whose members are linked, so that it replaces the one before."""
    waiting = sa.and_(rule_revision.c.id == revision_id, rule_revision.c.state == "pending")
    tx.execute(sa.update(rule_revision).where(waiting).values(due_at=DatabaseNow()))


def note_incomplete(tx: Transaction, revision: Row[Any], incomplete_reason: str | None) -> None:
    """Save why a query's members are not all known (None: they are), and request to compute its key result.

    Call this first in `tx`: it changes the rules' version.
    """
    mine = query_listing.c.revision_id == revision.id
    if tx.scalar(sa.select(query_listing.c.incomplete_reason).where(mine)) == incomplete_reason:
        return
    versions.lock_rules(tx)
    versions.bump(tx, versions.RULES)
    tx.execute(sa.update(query_listing).where(mine).values(incomplete_reason=incomplete_reason))
    what = incomplete_reason or "its query is listed completely"
    key_results.recompute(tx, [revision.key_result_id], causes=[Cause(what=f"rule {revision.rule_slug}: {what}")])


def partly_seen(tx: Transaction, *, without: Collection[int] = ()) -> dict[int, str]:
    """Return which key results wait for a query's members, and why; treat the revisions `without` as retired."""
    r, before = rule_revision, rule_revision.alias()
    live = sa.select(r.c.key_result_id, r.c.rule_slug, query_listing.c.incomplete_reason)
    live = live.join(query_listing, query_listing.c.revision_id == r.c.id).where(r.c.rule_id.isnot(None))
    live = live.where(r.c.id.notin_(without))
    replaces = sa.exists().where(
        before.c.rule_id == r.c.rule_id, before.c.state == "active", before.c.query.isnot(None)
    )
    found = live.where(
        sa.or_(
            sa.and_(r.c.state == "pending", sa.or_(~replaces, query_listing.c.incomplete_reason.isnot(None))),
            sa.and_(r.c.state == "active", query_listing.c.done_at.is_(None)),
        )
    )
    return {
        row.key_result_id: f"query of rule {row.rule_slug}: {row.incomplete_reason or NOT_YET}"
        for row in tx.execute(found.order_by(r.c.id.desc()))
    }


def of_rules(tx: Transaction, rule_ids: Collection[int]) -> dict[int, Listed]:
    """Return the state of the newest listing of each rule with a query."""
    r = rule_revision.c
    mine = sa.and_(r.rule_id.in_(rule_ids), r.state != "retired")
    found = sa.select(query_listing, r.rule_id, r.rule_slug, r.query).join(
        rule_revision, r.id == query_listing.c.revision_id
    )
    rows = tx.execute(found.where(mine).order_by(r.id)).all()
    counted = query_members.count(tx, [row.revision_id for row in rows])
    return {
        row.rule_id: Listed(
            rule=row.rule_slug,
            query=row.query,
            members=counted.get(row.revision_id, 0),
            outside=row.outside,
            done_at=row.done_at,
            incomplete_reason=row.incomplete_reason,
        )
        for row in rows
    }


def incomplete_of(tx: Transaction, connection_id: int) -> list[tuple[str, str]]:
    """Return the rules of a connection whose queries are not listed completely, each with the reason."""
    r, q = rule_revision.c, query_listing.c
    found = sa.select(r.rule_slug, q.incomplete_reason).join(query_listing, q.revision_id == r.id)
    mine = sa.and_(q.connection_id == connection_id, r.state != "retired", q.incomplete_reason.isnot(None))
    return [(row.rule_slug, row.incomplete_reason) for row in tx.execute(found.where(mine).order_by(r.rule_slug, r.id))]


def toward(tx: Transaction, key_result_id: int) -> list[Listed]:
    """Return the state of the listing of each query that counts toward a key result."""
    r = rule_revision.c
    mine = sa.select(r.rule_id).where(r.key_result_id == key_result_id, r.rule_id.isnot(None), r.query.isnot(None))
    return list(of_rules(tx, list(tx.scalars(mine.order_by(r.rule_slug)))).values())


def _is_live() -> sa.ColumnElement[bool]:
    return sa.exists().where(rule_revision.c.id == query_listing.c.revision_id, rule_revision.c.state != "retired")


def not_in_force(tx: Transaction) -> dict[str, list[str]]:
    """Return the rules with a new query that was not listed yet, by key result: slugs of both."""
    r, k = rule_revision, live_key_result
    pending = sa.select(k.c.slug, r.c.rule_slug).join(k, k.c.id == r.c.key_result_id)
    found: dict[str, list[str]] = {}
    for row in tx.execute(pending.where(r.c.state == "pending", r.c.query.isnot(None)).order_by(r.c.id)):
        found.setdefault(row.slug, []).append(row.rule_slug)
    return found
