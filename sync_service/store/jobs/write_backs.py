"""Write-back rows: which issue's note is due, what the last note said, and the rounds that compare notes."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import tables as t
from sync_service.store.engine.database import database_now, insert_or_skip, upsert
from sync_service.store.okrs import linked_issues
from sync_service.store.queue import due, write_slots
from sync_service.store.trackers import connections, siblings

BURST = 50
"""Up to so many issues that change at once are written urgently, because a person may be waiting; more are written in
the background."""

ROUND = timedelta(minutes=5)
"""How long after a change all linked issues of a connection are compared with their notes."""

REWRITE_INTERVAL = timedelta(hours=1)
"""How long a note stays unchanged at least, even if its key results' values change."""

BURIED_AGAIN = timedelta(days=1)
"""When to retry a buried note: the fault may have been the tracker's, not the issue's."""

_HEADROOM = 1.5
"""A note stays unchanged this many times longer than it takes to write all notes: a third of the writes stays free for
new ones."""


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """A request to write an issue's note after a wait."""

    connection_id: int
    identity: str
    key: str
    wait: timedelta = due.SETTLING


def switch_on(tx: Transaction, connection_id: int) -> None:
    """Start write-back: create the owner marker if there is none, and start a round over all issues now."""
    c = t.connection
    marked = sa.update(c).where(c.c.id == connection_id, c.c.owner_marker.is_(None))
    tx.execute(marked.values(owner_marker=secrets.token_hex(16)))
    row = {"connection_id": connection_id, "cursor": 0, "due_at": database_now(tx), "lease": None, "buried_at": None}
    upsert(tx, t.write_back_round, [row], unique=("connection_id",))


def wake(tx: Transaction, connection_ids: Collection[int] | None = None) -> None:
    """Request a round soon over the issues of some or all connections: the text of their notes may have changed.

    A round under way may be past the changed issues: another one then follows it soon.
    """
    if connection_ids is not None and not connection_ids:
        return
    r = t.write_back_round.c
    soon = database_now(tx) + ROUND
    under_way = sa.or_(r.lease.isnot(None), r.cursor > 0)
    news = sa.case((under_way, r.run_again.is_(sa.false())), else_=r.due_at > soon)
    which = sa.true() if connection_ids is None else r.connection_id.in_(connection_ids)
    changed = {
        "due_at": sa.case((under_way, r.due_at), else_=sa.literal(soon, r.due_at.type)),
        "run_again": sa.case((under_way, sa.true()), else_=r.run_again),
    }
    tx.execute(sa.update(t.write_back_round).where(news, which).values(changed))


def is_woken(tx: Transaction, round_id: int) -> bool:
    """Return whether another round is wanted soon after this one; lock that flag until `tx` ends."""
    run_again = sa.select(t.write_back_round.c.run_again).where(t.write_back_round.c.id == round_id).with_for_update()
    return bool(tx.scalar(run_again))


def request(tx: Transaction, asks: Sequence[NoteRequest], *, urgent: bool) -> None:
    """Make the notes of issues due; a write under way continues and is followed by another."""
    if not asks:
        return
    w, now = t.write_back, database_now(tx)
    ordered = sorted(asks, key=lambda one: (one.connection_id, one.identity))
    rows = [
        {"connection_id": one.connection_id, "identity": one.identity, "key": one.key, "due_at": now + one.wait}
        for one in ordered
    ]
    insert_or_skip(tx, w, [{**row, "due_at": None} for row in rows], unique=("connection_id", "identity"))
    due_at = sa.bindparam("new_due_at", type_=w.c.due_at.type)
    stays = sa.or_(w.c.lease.isnot(None), w.c.due_at <= due_at)
    changed: dict[str, Any] = {
        "key": sa.bindparam("new_key"),
        "request_count": w.c.request_count + 1,
        "due_at": sa.case((stays, w.c.due_at), else_=due_at),
        # An unsettled try may have reached the tracker, whatever its response: keep its attempts.
        # A buried row starts again, with one attempt counted.
        "attempts": sa.case((w.c.settled_at.isnot(None), 0), (w.c.buried_at.isnot(None), 1), else_=w.c.attempts),
        "settled_at": None,
        "buried_at": None,
    } | ({"urgent": True, "slot_at": None} if urgent else {})
    mine = sa.and_(w.c.connection_id == sa.bindparam("of_connection"), w.c.identity == sa.bindparam("of_issue"))
    parameters = [
        {
            "of_connection": row["connection_id"],
            "of_issue": row["identity"],
            "new_key": row["key"],
            "new_due_at": row["due_at"],
        }
        for row in rows
    ]
    tx.execute(sa.update(w).where(mine).values(changed), parameters)


def request_after_linking(tx: Transaction, changed: Sequence[tuple[int, str, str]]) -> None:
    """Make the notes of issues due whose links changed, by (connection id, identity, key); up to `BURST` are urgent."""
    asks = [NoteRequest(*one) for one in {**dict.fromkeys(changed), **dict.fromkeys(_of_siblings(tx, changed))}]
    request(tx, asks, urgent=len(changed) <= BURST)


def _of_siblings(tx: Transaction, changed: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Return the rows that siblings have of the issues: one of them may write the note for all."""
    groups, i = siblings.groups(tx) if changed else {}, t.issue.c
    theirs: dict[int, list[str]] = defaultdict(list)
    for connection_id, identity, _ in changed:
        if connection_id in groups:
            theirs[groups[connection_id]].append(identity)
    return [
        (row.connection_id, row.identity, row.key)
        for group, identities in theirs.items()
        for row in tx.execute(
            sa.select(i.connection_id, i.identity, i.key)
            .join(t.live_connection, t.live_connection.c.id == i.connection_id)
            .where(_writes(), i.connection_id.in_(_members(groups, group)), i.identity.in_(identities))
        )
    ]


def _members(groups: siblings.Groups, group: int | None) -> list[int]:
    return [one for one, first in groups.items() if first == group]


def _writes() -> sa.ColumnElement[bool]:
    """Return SQL for whether a connection can write notes: it is switched on, and its credentials work."""
    c = t.live_connection.c
    return sa.and_(c.write_back, c.refused_at.is_(None), connections.has_credentials())


def served(tx: Transaction, connection_id: int, identities: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Return the key results that issues count toward now, by the issue's identity, in the order of the pages.

    An issue gets one note: where several siblings that write have linked it, only the first of them serves it, for all.
    """
    k, o, i, groups = t.live_key_result, t.live_objective, t.issue, siblings.groups(tx)
    others = _members(groups, groups.get(connection_id)) if connection_id in groups else []
    mine = i.c.connection_id == connection_id
    if others:
        writing = sa.select(t.live_connection.c.id).where(_writes(), t.live_connection.c.id.in_(others))
        mine = sa.or_(mine, i.c.connection_id.in_(writing))
    linked = sa.select(t.link.c.key_result_id, t.link.c.issue_id).where(linked_issues.counts).distinct().subquery()
    columns = (k.c.id, k.c.slug, k.c.title, k.c.unit, k.c.target, k.c.stay, k.c.current, k.c.progress, k.c.status)
    found: sa.Select[Any] = (
        sa.select(
            i.c.identity,
            i.c.connection_id,
            i.c.id.label("issue_id"),
            *columns,
            o.c.title.label("objective"),
            o.c.team_id,
        )
        .join(linked, linked.c.issue_id == i.c.id)
        .join(k, k.c.id == linked.c.key_result_id)
        .join(o, o.c.id == k.c.objective_id)
        .where(mine, i.c.identity.in_(identities))
        .order_by(o.c.position, o.c.id, k.c.position, k.c.id)
    )
    by_issue: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(found):
        by_issue[row.identity].append(row)
    return {
        identity: list({row.id: row for row in rows}.values())
        for identity, rows in by_issue.items()
        if min(row.connection_id for row in rows) == connection_id
    }


def rewrite_interval(tx: Transaction, connection_id: int) -> timedelta:
    """Return how long each note of a connection stays unchanged: the more notes there are, the longer."""
    mine = sa.select(sa.func.count()).where(t.write_back.c.connection_id == connection_id)
    return max(REWRITE_INTERVAL, tx.scalars(mine).one() * write_slots.BACKGROUND.interval * _HEADROOM)


def chunk(tx: Transaction, connection_id: int, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return the next issues, by row id, that are linked or have a note, each with the state of its last note."""
    i, w = t.issue, t.write_back
    linked = sa.exists().where(t.link.c.issue_id == i.c.id)
    mine = sa.and_(w.c.connection_id == i.c.connection_id, w.c.identity == i.c.identity)
    columns = (w.c.id.label("row_id"), w.c.serves, w.c.digest, w.c.written_at, w.c.removed_by_person, w.c.due_at)
    found: sa.Select[Any] = (
        sa.select(i.c.id, i.c.identity, i.c.key, *columns, w.c.buried_at)
        .outerjoin(w, mine)
        .where(i.c.connection_id == connection_id, i.c.id > after, i.c.gone_reason.is_(None))
        .where(sa.or_(linked, w.c.id.isnot(None)))
        .order_by(i.c.id)
        .limit(limit)
    )
    return tx.execute(found).all()


def is_on(tx: Transaction, connection_id: int) -> bool:
    """Return whether write-back is switched on for a connection now."""
    return bool(tx.scalar(sa.select(t.live_connection.c.write_back).where(t.live_connection.c.id == connection_id)))


def is_gone(tx: Transaction, connection_id: int, identity: str) -> bool:
    """Return whether an issue is unknown, deleted or moved away."""
    i = t.issue.c
    there = sa.select(i.id).where(i.connection_id == connection_id, i.identity == identity, i.gone_reason.is_(None))
    return tx.scalar(there) is None
