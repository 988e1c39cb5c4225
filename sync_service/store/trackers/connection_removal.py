"""Remove a connection: mark it, so that nothing of it counts any more, then delete its rows in batches.

A connection may have hundreds of thousands of issues and deliveries. Deleting them at once would block all other
writers of a SQLite file. The marked row says what is left to do: after a kill any other process continues.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.store import tables as t
from sync_service.store.engine.database import DatabaseNow, reading, writing
from sync_service.store.queue import relink_requests
from sync_service.store.queue.batched_deletes import delete_next
from sync_service.store.trackers import descendants, scope_moves

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


def leave(tx: Transaction, slug: str) -> None:
    """Let a connection leave that is removed while scopes of it move to another one; it goes on until they have moved.

    Files and pages no longer know it as configured. The caller has bumped the rules' version.
    """
    c = t.connection
    found = tx.scalar(sa.select(t.live_connection.c.id).where(t.live_connection.c.slug == slug))
    if found is not None and scope_moves.leave(tx, found):
        tx.execute(sa.update(c).where(c.c.id == found).values(leaving_at=DatabaseNow(), owner_id=None))
        relink_requests.add(tx, [(found, [RelinkReason(what=f"connection {slug} removed")])])


def free_slugs(tx: Transaction, slugs: Sequence[str]) -> None:
    """Let new connections have the slugs of connections that are leaving."""
    c = t.connection
    name = sa.cast(c.c.id, sa.String) + " is leaving"
    tx.execute(sa.update(c).where(c.c.slug.in_(slugs), c.c.leaving_at.isnot(None)).values(slug=name))


def begin(tx: Transaction, slug: str) -> None:
    """Mark a connection as being removed, and delete its secrets, rules and manual links. Its slug is free again.

    Once `tx` is committed, it is not read, not called and receives nothing, and its issues do not count. One that is
    leaving is removed later.
    """
    c = t.live_connection.c
    found = tx.scalar(sa.select(c.id).where(c.slug == slug, c.leaving_at.is_(None)))
    if found is not None:
        mark(tx, found)


def mark(tx: Transaction, found: int) -> None:
    """Do as `begin` does for a connection by its id."""
    descendants.match_siblings(tx, found, "another connection to the site was removed")
    for table in (*_CONFIGURED, *_CALLS, t.write_back_round):
        tx.execute(sa.delete(table).where(table.c.connection_id == found))
    r = t.rule_revision
    retired = {"state": "retired", "due_at": None, "lease": None, "settled_at": DatabaseNow(), "outcome": "retired"}
    tx.execute(sa.update(r).where(r.c.connection_id == found, r.c.state != "retired").values(retired))
    tx.execute(sa.update(r).where(r.c.connection_id == found, r.c.due_at.isnot(None)).values(due_at=None, lease=None))
    c = t.connection
    marked = {**_FORGOTTEN, "slug": f"{found} is being removed", "leaving_at": None, "removed_at": DatabaseNow()}
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


def those_that_left(tx: Transaction) -> list[int]:
    """Return the ids of the connections that were leaving and whose scopes have moved."""
    c = t.live_connection.c
    leaving = tx.scalars(sa.select(c.id).where(c.leaving_at.isnot(None)).order_by(c.id)).all()
    return [one for one in leaving if not scope_moves.moves_from(tx, one)]


def ids(tx: Transaction) -> list[int]:
    """Return the ids of the connections being removed."""
    c = t.connection.c
    return list(tx.scalars(sa.select(c.id).where(c.removed_at.isnot(None)).order_by(c.id)))


def _next(engine: Engine) -> int | None:
    with reading(engine) as tx:
        return next(iter(ids(tx)), None)
