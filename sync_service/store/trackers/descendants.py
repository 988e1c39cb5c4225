"""Issues below others, at all connections to one site: which of them a relink request has still to match again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.rules.condition_reach import mentions
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.store.engine.database import database_now, insert_or_skip
from sync_service.store.queue import relink_requests
from sync_service.store.tables import issue, relink_parent, relink_request, rule_revision
from sync_service.store.trackers import known_keys, parents, siblings

PARENTS = 100
"""Parents whose children are read together."""


def request(tx: Transaction, connection_ids: Sequence[int], changed: Mapping[str, str]) -> None:
    """Request to match the issues below some issues again, given by identity with what changed, in words."""
    row = {"connection_id": connection_ids[0], "renamed": {"below": True}, "due_at": database_now(tx)}
    added = tx.execute(sa.insert(relink_request).values(row).returning(relink_request.c.id)).scalar_one()
    _add(tx, added, changed, depth=1)


def match_siblings(tx: Transaction, connection_id: int, what: str) -> None:
    """Request to match the issues of a connection's siblings again, where rules ask for any ancestor."""
    others = set(siblings.all_of(tx, [connection_id])[connection_id]) - {connection_id}
    match_all(tx, others, what)


def match_all(tx: Transaction, connection_ids: Collection[int], what: str) -> None:
    """Request to match all issues of those of the connections again whose rules ask for any ancestor."""
    r = rule_revision.c
    asking = sa.cast(r.condition, sa.Text).contains("under")
    rules = sa.select(r.connection_id, r.condition).where(
        r.connection_id.in_(connection_ids), r.state != "retired", asking
    )
    found = sorted({row.connection_id for row in tx.execute(rules) if mentions(row.condition, "under")})
    relink_requests.add(tx, [(one, [RelinkReason(what=what, origin="rule")]) for one in found])


def _add(tx: Transaction, request_id: int, changed: Mapping[str, str], *, depth: int) -> None:
    rows: list[dict[str, Any]] = [
        {"request_id": request_id, "identity": identity, "what": what, "depth": depth}
        for identity, what in sorted(changed.items())
    ]
    insert_or_skip(tx, relink_parent, rows, unique=("request_id", "identity"))


@dataclass(frozen=True, slots=True)
class Child:
    """A child that is matched again: its row id and connection, its identity, and what changed above it, in words."""

    row_id: int
    connection_id: int
    identity: str
    what: str


@dataclass(frozen=True, slots=True)
class Step:
    """The next children to match again: those of some parents of a request with a row id after `after`."""

    request_id: int
    connection_ids: Sequence[int]
    parents: Sequence[Row[Any]]
    children: Sequence[Child]
    is_last: bool

    def end(self, tx: Transaction, *, deepest: int) -> int:
        """Note that the children were matched, and which of them have children; return the row id to go on after."""
        found = {one.identity: one.what for one in self.children}
        depth = max(one.depth for one in self.parents) + 1
        if depth <= deepest:
            below = parents.with_children(tx, self.connection_ids, found)
            _add(tx, self.request_id, {identity: found[identity] for identity in below}, depth=depth)
        if not self.is_last:
            return self.children[-1].row_id
        done = relink_parent.c.id.in_([one.id for one in self.parents])
        tx.execute(sa.update(relink_parent).where(done).values(done=True))
        return 0


def next_step(
    tx: Transaction, request_id: int, connection_ids: Sequence[int], *, after: int, limit: int
) -> Step | None:
    """Return the next step of a request, at most so many children; None, and forget its parents, when there is none."""
    p = relink_parent
    mine = sa.select(p).where(p.c.request_id == request_id, p.c.done.is_(False)).order_by(p.c.id).limit(PARENTS)
    above = tx.execute(mine).all()
    if not above:
        tx.execute(sa.delete(p).where(p.c.request_id == request_id))
        return None
    keys: dict[str, Collection[str]] = {one.identity: () for one in above}
    keys |= known_keys.keys_of(tx, connection_ids, list(keys))
    i = issue.c
    columns = [i[name] for name in ("id", "connection_id", "identity", "parent_identity", "parent_key")]
    below = (i.connection_id.in_(connection_ids), i.id > after, parents.are_below(keys))
    children = sa.select(*columns).where(*below)
    rows = tx.execute(children.order_by(i.id).limit(limit)).all()
    found = list(_children(rows, {one.identity: one.what for one in above}, keys))
    return Step(request_id, connection_ids, above, found, is_last=len(rows) < limit)


def _children(
    rows: Sequence[Row[Any]], what: Mapping[str, str], keys: Mapping[str, Collection[str]]
) -> Iterator[Child]:
    by_key = {key: identity for identity, mine in keys.items() for key in mine}
    for row in rows:
        parent = row.parent_identity if row.parent_identity in what else by_key[row.parent_key.lower()]
        yield Child(row.id, row.connection_id, row.identity, what[parent])
