"""Scheduled tasks of connections: one row per task, which does not settle while the connection has credentials.

One more task, with an empty name, adds the others: it asks the connector which tasks exist, so that tasks added by a
new version start without further action.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.observations import ScopeRef
from sync_service.store.engine.database import DatabaseNow, insert_or_skip
from sync_service.store.tables import live_connection, live_scope, scheduled_task

ADD_TASKS = ""
"""The name of the task that adds the others."""

READ_HISTORIES = "read histories"
"""The name of the task that reads the histories of linked issues."""


def ensure(tx: Transaction, connection_id: int) -> None:
    """Make all scheduled tasks of a connection due now; create those that are missing."""
    add(tx, connection_id, [ADD_TASKS])
    hurry(tx, connection_id)


def add(tx: Transaction, connection_id: int, names: Collection[str]) -> None:
    """Create scheduled tasks that are missing and reopen those that have settled, due now."""
    rows = [{"connection_id": connection_id, "name": name} for name in sorted(names)]
    insert_or_skip(tx, scheduled_task, rows, unique=("connection_id", "name"), due_at=DatabaseNow())
    settled = sa.and_(
        scheduled_task.c.connection_id == connection_id,
        scheduled_task.c.name.in_(names),
        scheduled_task.c.settled_at.isnot(None),
    )
    tx.execute(sa.update(scheduled_task).where(settled).values(due_at=DatabaseNow(), settled_at=None, attempts=0))


def hurry(tx: Transaction, connection_id: int | None = None) -> int:
    """Make the waiting scheduled tasks of one connection, or of all, due now; return how many there are."""
    waiting = sa.update(scheduled_task).where(scheduled_task.c.lease.is_(None))
    if connection_id is not None:
        waiting = waiting.where(scheduled_task.c.connection_id == connection_id)
    reset = {"due_at": DatabaseNow(), "settled_at": None, "buried_at": None, "attempts": 0}
    return tx.execute(waiting.values(reset)).rowcount


def hurry_one(tx: Transaction, connection_id: int, name: str) -> None:
    """Make one waiting scheduled task of a connection due now, if it exists."""
    mine = sa.and_(scheduled_task.c.connection_id == connection_id, scheduled_task.c.name == name)
    waiting = sa.update(scheduled_task).where(
        mine, scheduled_task.c.lease.is_(None), scheduled_task.c.due_at.isnot(None)
    )
    tx.execute(waiting.values(due_at=DatabaseNow()))


def find(tx: Transaction, connection_id: int, name: str) -> Row[Any] | None:
    """Return one scheduled task of a connection; None when there is none."""
    mine = sa.and_(scheduled_task.c.connection_id == connection_id, scheduled_task.c.name == name)
    return tx.execute(sa.select(scheduled_task).where(mine)).one_or_none()


def watched_scopes(tx: Transaction, connection_id: int) -> list[ScopeRef]:
    """Return the scopes of a connection with their current names; an unknown id is an empty string."""
    mine = sa.select(live_scope).where(live_scope.c.connection_id == connection_id).order_by(live_scope.c.name)
    return [ScopeRef(row.external_id or "", row.current_name or row.name) for row in tx.execute(mine)]


def read(tx: Transaction, connection_ids: Sequence[int] | None = None) -> list[Row[Any]]:
    """Return the scheduled tasks that are not settled, each with its connection's `slug` and with `is_due`."""
    is_due = (scheduled_task.c.due_at <= DatabaseNow()).label("is_due")
    found = sa.select(scheduled_task, live_connection.c.slug, is_due).join(
        live_connection, live_connection.c.id == scheduled_task.c.connection_id
    )
    found = found.where(scheduled_task.c.settled_at.is_(None))
    if connection_ids is not None:
        found = found.where(scheduled_task.c.connection_id.in_(connection_ids))
    return list(tx.execute(found.order_by(live_connection.c.slug, scheduled_task.c.name)))
