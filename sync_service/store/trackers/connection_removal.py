"""Remove a connection: mark it, so that nothing of it counts any more, then delete its rows in batches.

A connection may have hundreds of thousands of issues and deliveries. Deleting them at once would block all other
writers of a SQLite file. The marked row says what is left to do: after a kill any other process continues.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import DatabaseNow, reading, writing
from sync_service.store.queue.batched_deletes import delete_next
from sync_service.store.trackers import scope_moves

_CONFIGURED = (t.rule, t.manual_link)
_CALLS = (t.query_listing, t.poll, t.scheduled_task, t.oauth_token, t.connection_alert, t.relink_request)
_FORGOTTEN: dict[str, Any] = {
    "sealed_token": None,
    "app_id": None,
    "sealed_app_key": None,
    "client_id": None,
    "sealed_client_secret": None,
    "sealed_secrets": [],
    "owner_id": None,
    "write_back": False,
}


def begin(tx: Transaction, slug: str) -> None:
    """Mark a connection as being removed, and delete its secrets, rules and manual links. Its slug is free again.

    Once `tx` is committed, it is not read, not called and receives nothing, and its issues do not count.
    """
    found = tx.scalar(sa.select(t.live_connection.c.id).where(t.live_connection.c.slug == slug))
    if found is None:
        return
    scope_moves.leave_connection(tx, found)
    for table in (*_CONFIGURED, *_CALLS, t.write_back_round):
        tx.execute(sa.delete(table).where(table.c.connection_id == found))
    r = t.rule_revision
    retired = {"state": "retired", "due_at": None, "lease": None, "settled_at": DatabaseNow(), "outcome": "retired"}
    tx.execute(sa.update(r).where(r.c.connection_id == found, r.c.state != "retired").values(retired))
    tx.execute(sa.update(r).where(r.c.connection_id == found, r.c.due_at.isnot(None)).values(due_at=None, lease=None))
    c = t.connection
    marked = {**_FORGOTTEN, "slug": f"{found} is being removed", "removed_at": DatabaseNow()}
    tx.execute(sa.update(c).where(c.c.id == found).values(marked))


def delete_batches(engine: Engine, *, batches: int | None = None) -> bool:
    """Delete rows of connections being removed, at most so many batches; return whether there is more to delete."""
    done = 0
    while (connection_id := _next(engine)) is not None:
        if batches is not None and done >= batches:
            return True
        done += 1
        with writing(engine) as tx:
            delete_next(tx, t.connection, connection_id, column="connection_id")
    return False


def ids(tx: Transaction) -> list[int]:
    """Return the ids of the connections being removed."""
    c = t.connection.c
    return list(tx.scalars(sa.select(c.id).where(c.removed_at.isnot(None)).order_by(c.id)))


def _next(engine: Engine) -> int | None:
    with reading(engine) as tx:
        return next(iter(ids(tx)), None)
