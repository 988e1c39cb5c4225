"""Names of watched scopes, which may belong to others later: a repository is renamed, another takes its old name.

A scope is watched by its id. Its configured name only says which scope was meant when it was first seen. Where a file
or a page names both, each name means the scope that has it now.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.store.engine import versions
from sync_service.store.tables import live_connection, live_scope, scope
from sync_service.store.trackers import siblings

Seen = tuple[int, ScopeRef]
"""A connection's id, and a scope that the tracker named there."""


def bind(tx: Transaction, seen: Collection[Seen], *, renamed: Collection[Seen] = ()) -> None:
    """Store the tracker's id of each watched scope so far known only by name; match by its current name.

    `renamed` are those of `seen` that the tracker reported with their current name. The ids are stored for siblings
    too.
    """
    everybody = siblings.all_of(tx, {connection_id for connection_id, _ in seen})
    seen, renamed = ({(one, ref) for id_, ref in some for one in everybody[id_]} for some in (seen, renamed))
    connection_ids = {connection_id for connection_id, _ in seen}
    if not any(_found(_rows(tx, connection_ids), seen, renamed)):
        return
    versions.bump(tx, versions.RULES)  # before any scope is locked: transactions that change rules lock in this order
    taken, bound = _found(_rows(tx, connection_ids), seen, renamed)  # another worker may have been faster
    for holder, namesake in taken:
        _exchange_names(tx, holder, namesake)
    for row, external_id in bound:
        still = sa.and_(scope.c.id == row.id, scope.c.name == row.name, scope.c.external_id.is_(None))
        tx.execute(sa.update(scope).where(still).values(external_id=external_id))


def watch(tx: Transaction, connection_id: int, wanted: Sequence[str], *, covered_at: datetime | None) -> Sequence[str]:
    """Watch the wanted scopes; return the names of those that are new. The others stay, until they are removed.

    A new name that a watched scope has now means that scope, with all that is known of it. New scopes are covered
    since `covered_at`.
    """
    rows = _rows(tx, {connection_id})
    named, new = _named(rows, wanted)
    renamed = [row for row in rows if named.get(row.id, row.name) != row.name]
    for row in renamed:
        tx.execute(sa.update(scope).where(scope.c.id == row.id).values(name=_free_name(row)))
    for row in renamed:
        tx.execute(sa.update(scope).where(scope.c.id == row.id).values(name=named[row.id], current_name=None))
    if new:
        columns = {"connection_id": connection_id, "covered_at": covered_at}
        tx.execute(sa.insert(scope), [{**columns, "name": name} for name in new])
    return new


def other_holder(tx: Transaction, scope_id: int, external_id: str) -> str | None:
    """Return the current name of another watched scope of the same connection with this id; None when there is none."""
    mine = sa.select(live_scope.c.connection_id).where(live_scope.c.id == scope_id).scalar_subquery()
    others = sa.and_(
        live_scope.c.connection_id == mine, live_scope.c.external_id == external_id, live_scope.c.id != scope_id
    )
    row = tx.execute(sa.select(live_scope).where(others).order_by(live_scope.c.id)).first()
    return None if row is None else current_name(row)


def never_named(tx: Transaction) -> Sequence[tuple[str, str]]:
    """Return the connections, by slug, and names of scopes that no tracker has named, where it has named others."""
    other = live_scope.alias()
    others_named = sa.exists().where(
        other.c.connection_id == live_scope.c.connection_id, other.c.external_id.isnot(None)
    )
    found = (
        sa.select(live_connection.c.slug, live_scope.c.name)
        .join(live_connection, live_connection.c.id == live_scope.c.connection_id)
        .where(live_scope.c.external_id.is_(None), others_named)
        .order_by(live_connection.c.slug, live_scope.c.name)
    )
    return [(row.slug, row.name) for row in tx.execute(found)]


def _rows(tx: Transaction, connection_ids: Collection[int]) -> Sequence[Row[Any]]:
    return tx.execute(
        sa.select(live_scope).where(live_scope.c.connection_id.in_(connection_ids)).order_by(live_scope.c.id)
    ).all()


def current_name(row: Row[Any]) -> str:
    """Return the name that a scope has now, of a row with its configured and its current name."""
    return str(row.current_name or row.name)


def _found(
    rows: Sequence[Row[Any]], seen: Collection[Seen], renamed: Collection[Seen]
) -> tuple[list[tuple[Row[Any], Row[Any]]], list[tuple[Row[Any], str]]]:
    """Return what there is to change: names to exchange, and ids to store."""
    if all(row.external_id is not None for row in rows):
        return [], []
    return list(_taken(rows, renamed)), list(_bound(rows, seen))


def _taken(rows: Iterable[Row[Any]], renamed: Collection[Seen]) -> Iterable[tuple[Row[Any], Row[Any]]]:
    """Yield scopes that now have the name of another watched scope whose id is not known, each with that one."""
    unknown = {(row.connection_id, folded(row.name)): row for row in rows if row.external_id is None}
    holders = {(row.connection_id, row.external_id): row for row in rows if row.external_id is not None}
    for connection_id, ref in sorted(renamed, key=_by_id):
        holder = holders.get((connection_id, ref.id))
        if holder is not None and folded(current_name(holder)) != folded(ref.name):
            namesake = unknown.pop((connection_id, folded(ref.name)), None)
            if namesake is not None:
                yield holder, namesake


def _bound(rows: Sequence[Row[Any]], seen: Collection[Seen]) -> Iterable[tuple[Row[Any], str]]:
    """Yield the scopes whose id is known now, each with its id. No id belongs to two of them."""
    held = {(row.connection_id, row.external_id) for row in rows}
    found = {
        (connection_id, folded(ref.name)): ref.id
        for connection_id, ref in sorted(seen, key=_by_id)
        if (connection_id, ref.id) not in held
    }
    for row in rows:
        external_id = found.get((row.connection_id, folded(current_name(row)))) if row.external_id is None else None
        if external_id is not None:
            yield row, external_id


def _by_id(one: Seen) -> tuple[int, str]:
    return (one[0], one[1].id)


def _exchange_names(tx: Transaction, holder: Row[Any], namesake: Row[Any]) -> None:
    """Exchange two configured names. The rename is noted later: until then the old name stays the current one."""
    tx.execute(sa.update(scope).where(scope.c.id == namesake.id).values(name=_free_name(namesake)))
    new = {"name": namesake.name, "current_name": current_name(holder)}
    tx.execute(sa.update(scope).where(scope.c.id == holder.id).values(new))
    tx.execute(sa.update(scope).where(scope.c.id == namesake.id).values(name=holder.name))


def _named(rows: Sequence[Row[Any]], wanted: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """Return the name of each scope that stays, by its row id, and the names of new ones."""
    configured, present = ({name(row): row for row in rows} for name in (_configured_name, _changed_name))
    named = {configured[name].id: name for name in wanted if name in configured}
    names, new = [name for name in wanted if name not in configured], []
    while names:
        name = names.pop(0)
        row = present.pop(folded(name), None)
        if row is None:
            new.append(name)
        else:
            if row.id in named:
                names.append(named[row.id])  # this one means another scope now
            named[row.id] = name
    return named, new


def _configured_name(row: Row[Any]) -> str:
    return str(row.name)


def _changed_name(row: Row[Any]) -> str | None:
    return folded(row.current_name) if row.current_name else None


def _free_name(row: Row[Any]) -> str:
    """Return a name that no scope has, since two may not have the same name even for a moment."""
    return f"{row.id} exchanges its name"
