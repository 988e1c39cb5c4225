"""Parents and children across the connections to one site: what is known of many parents, and who has children."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.issue import transfer_target
from sync_service.store.tables import issue
from sync_service.store.trackers import known_keys
from sync_service.store.trackers.known_keys import ParentRef

_PARENT = ("parent_key", "parent_identity", "parent_at", "parent_received_at")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownParent:
    """What is known of an issue that its children name: its present key, and all its keys in lower case.

    `above` is its own parent, `moved_to` what it was transferred to. Where it has neither, `end` says why.
    """

    key: str
    keys: frozenset[str]
    identity: str | None = None
    above: ParentRef | None = None
    moved_to: ParentRef | None = None
    end: str = "unknown"


def read(
    tx: Transaction, connection_ids: Collection[int], references: Collection[ParentRef]
) -> dict[ParentRef, KnownParent]:
    """Return what the connections to a site know of parents, as their children name them."""
    named = known_keys.named(tx, connection_ids, references)
    wanted = {one for ref, known in named.items() for one in (known.identities if ref[0] is None else (ref[0],))}
    rows = _rows(tx, connection_ids, wanted)
    found = {}
    for ref, known in named.items():
        meant = [ref[0]] if ref[0] is not None else sorted(known.identities)
        each = [_one_of(rows[identity]) for identity in meant if identity in rows]
        row = max(each, key=lambda one: _rank(one, known.by_present), default=None)
        found[ref] = _known(ref, known.keys, row)
    return found


def _rows(tx: Transaction, connection_ids: Collection[int], identities: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Return the rows of issues, by identity; an issue of which nothing is known yet has none."""
    i = issue.c
    names = ("identity", "key", "state", "gone_reason", "successor", "updated_at", *_PARENT)
    known = sa.or_(i.updated_at.isnot(None), i.gone_reason.isnot(None), i.parent_at.isnot(None))
    mine = sa.select(*(i[name] for name in names)).where(
        i.connection_id.in_(connection_ids), i.identity.in_(identities), known
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(mine):
        found[row.identity].append(row)
    return found


def _one_of(rows: Collection[Row[Any]]) -> Row[Any]:
    """Return the row with the parent seen last; of an issue that is gone, one that says so."""
    return max(rows, key=lambda row: (row.gone_reason is not None, row.successor is not None, *_parent_time(row)))


def _parent_time(row: Row[Any]) -> tuple[datetime, datetime, str, str]:
    times = (row.parent_at or _NEVER, row.parent_received_at or _NEVER)
    return (*times, row.parent_key or "", row.parent_identity or "")


def _rank(row: Row[Any], by_present: Collection[str]) -> tuple[bool, bool, datetime, str]:
    """Order issues that a key may mean: one that is there, then one that has the key now, then the one changed last."""
    return (row.gone_reason is None, row.identity in by_present, row.updated_at or _NEVER, row.identity)


def _known(ref: ParentRef, keys: frozenset[str], row: Row[Any] | None) -> KnownParent:
    if row is None:
        return KnownParent(key=ref[1], keys=keys)
    is_parent: dict[str, Any] = {"key": row.key, "keys": keys, "identity": row.identity}
    if row.gone_reason is not None:
        moved_to = transfer_target(row.gone_reason, row.successor)
        return KnownParent(**is_parent, moved_to=moved_to, end="deleted")
    if row.parent_at is None:
        return KnownParent(**is_parent, end="parent unknown")
    above = (row.parent_identity, row.parent_key) if row.parent_key else None
    return KnownParent(**is_parent, above=above, end="top")


def are_below(keys: Mapping[str, Collection[str]]) -> sa.ColumnElement[bool]:
    """Return what selects the children of issues, given by identity with all their keys in lower case."""
    folded = {key for each in keys.values() for key in each}
    by_key = sa.and_(issue.c.parent_key.isnot(None), sa.func.lower(issue.c.parent_key).in_(folded))
    return sa.or_(sa.and_(issue.c.parent_identity.isnot(None), issue.c.parent_identity.in_(keys)), by_key)


def counted(tx: Transaction, connection_id: int) -> dict[ParentRef, int]:
    """Return the parents that the known issues of a connection name, each with how many do."""
    i = issue.c
    there = (i.connection_id == connection_id, i.gone_reason.is_(None), i.state.isnot(None), i.parent_key.isnot(None))
    found = sa.select(i.parent_identity, i.parent_key, sa.func.count().label("issues")).where(*there)
    rows = tx.execute(found.group_by(i.parent_identity, i.parent_key))
    return {(row.parent_identity, row.parent_key): row.issues for row in rows}


def with_children(tx: Transaction, connection_ids: Collection[int], identities: Collection[str]) -> set[str]:
    """Return which of the issues have children at any of the connections."""
    keys = known_keys.keys_of(tx, connection_ids, identities)
    if not keys:
        return set()
    i = issue.c
    children = sa.select(i.parent_identity, sa.func.lower(i.parent_key).label("key"))
    found = tx.execute(children.where(i.connection_id.in_(connection_ids), are_below(keys)).distinct()).all()
    named, by_key = {row.parent_identity for row in found}, {row.key for row in found}
    return {identity for identity, mine in keys.items() if identity in named or not by_key.isdisjoint(mine)}
