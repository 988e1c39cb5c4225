"""Connection alerts: due rows that tell a connection's owner that the tracker refuses us or that a scope is gone.

An alert is noted in the transaction that marks the failure. A row stands for a connection, or for one scope of it, and
is reused for each failure. Whether the failure persists is read from the connection and the scope themselves, so that
code that repairs them need not know these rows.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import tables as t
from sync_service.store.engine.database import database_now, upsert


def note_refused(tx: Transaction, connection_id: int) -> None:
    """Note that the tracker has just refused a connection, to alert the owner. The caller has locked the connection."""
    b = t.connection_alert
    existing = sa.update(b).where(b.c.connection_id == connection_id, b.c.scope_id.is_(None))
    if not tx.execute(existing.values(_reset_columns(tx))).rowcount:
        tx.execute(sa.insert(b).values(connection_id=connection_id, **_reset_columns(tx)))


def note_gone(tx: Transaction, connection_id: int, scope_id: int) -> None:
    """Note that a scope is gone, to alert the owner."""
    row = {"connection_id": connection_id, "scope_id": scope_id, **_reset_columns(tx)}
    upsert(tx, t.connection_alert, [row], unique=("scope_id",))


def _reset_columns(tx: Transaction) -> dict[str, Any]:
    now = database_now(tx)
    # A worker composing the last alert may have read an older state: this ends its lease on purpose.
    reset = {"lease": None, "attempts": 0, "settled_at": None, "buried_at": None, "outcome": ""}
    return {"broke_at": now, "due_at": now, **reset}


def lock(tx: Transaction, connection_id: int) -> None:
    """Lock the alerts of a connection, in id order."""
    b = t.connection_alert
    tx.execute(sa.select(b.c.id).where(b.c.connection_id == connection_id).order_by(b.c.id).with_for_update()).all()


def settle_along(tx: Transaction, rows: Sequence[Row[Any]], **columns: Any) -> int:
    """Settle alerts that have not changed since they were read, without a lease; return how many were settled."""
    b, count = t.connection_alert, 0
    values = {"due_at": None, "lease": None, "settled_at": database_now(tx), **columns}
    for row in sorted(rows, key=lambda row: row.id):
        as_read = sa.and_(b.c.id == row.id, b.c.broke_at == row.broke_at, b.c.due_at.isnot(None))
        count += tx.execute(sa.update(b).where(as_read).values(values)).rowcount
    return count
