"""Errands: what a connection has to do every now and then, one row for each, which never settles while it can call.

One row more, without a name, sees to the others: it knows from the connector which there are, so that a new version's
errands begin by themselves.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.issues import ScopeRef
from sync_service.store.database import DatabaseNow, insert_or_skip
from sync_service.store.tables import connection, errand, scope

CALLER = ""
"""The name of the row that sees to the others."""


def ensure(tx: Transaction, connection_id: int) -> None:
    """Let a connection's errands be run now, all that its connector has."""
    add(tx, connection_id, [CALLER])
    hurry(tx, connection_id)


def add(tx: Transaction, connection_id: int, names: Collection[str]) -> None:
    """Make errands due now that are not there yet, or have settled."""
    rows = [{"connection_id": connection_id, "name": name} for name in sorted(names)]
    insert_or_skip(tx, errand, rows, unique=("connection_id", "name"), due_at=DatabaseNow())
    settled = sa.and_(
        errand.c.connection_id == connection_id, errand.c.name.in_(names), errand.c.settled_at.isnot(None)
    )
    tx.execute(sa.update(errand).where(settled).values(due_at=DatabaseNow(), settled_at=None, attempts=0))


def hurry(tx: Transaction, connection_id: int | None = None) -> int:
    """Make errands due now that wait, of one connection or of all; give how many there are."""
    waiting = sa.update(errand).where(errand.c.lease.is_(None))
    if connection_id is not None:
        waiting = waiting.where(errand.c.connection_id == connection_id)
    again = {"due_at": DatabaseNow(), "settled_at": None, "buried_at": None, "attempts": 0}
    return tx.execute(waiting.values(again)).rowcount


def watched(tx: Transaction, connection_id: int) -> list[ScopeRef]:
    """Give the scopes of a connection by their present names; the id is empty where it is not known yet."""
    mine = sa.select(scope).where(scope.c.connection_id == connection_id).order_by(scope.c.name)
    return [ScopeRef(row.external_id or "", row.called or row.name) for row in tx.execute(mine)]


def read(tx: Transaction, connection_ids: Sequence[int] | None = None) -> list[Row[Any]]:
    """Read the errands that are not settled, each with the `slug` of its connection, and whether it `is_due`."""
    is_due = (errand.c.due_at <= DatabaseNow()).label("is_due")
    found = sa.select(errand, connection.c.slug, is_due).join(connection, connection.c.id == errand.c.connection_id)
    found = found.where(errand.c.settled_at.is_(None))
    if connection_ids is not None:
        found = found.where(errand.c.connection_id.in_(connection_ids))
    return list(tx.execute(found.order_by(connection.c.slug, errand.c.name)))
