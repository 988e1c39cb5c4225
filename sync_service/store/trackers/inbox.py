"""The inbox: store received webhook deliveries, make them due again, and count the rejected ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import (
    DatabaseNow,
    database_now,
    insert_or_skip,
    reading,
    writing,
    writing_at_once,
)
from sync_service.store.queue import due

LARGE_BODY = 1024 * 1024
"""A body of more bytes is large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedDelivery:
    """A delivery as received and verified. `headers` holds only the headers that we store."""

    connection_id: int
    delivery_id: str
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes


def store(engine: Engine, received: Sequence[ReceivedDelivery]) -> None:
    """Store deliveries, due now, and commit.

    A repeat changes nothing, except that a buried delivery is replaced and due.
    """
    rows = [{name: getattr(one, name) for name in _RECEIVED} for one in received]
    with writing_at_once(engine) as tx:
        _close_after(tx, received)
        new = insert_or_skip(tx, tables.delivery, rows, unique=("connection_id", "delivery_id"), due_at=DatabaseNow())
    if new < len(rows):
        with writing(engine) as tx:
            _close_after(tx, received)
            tx.execute(_REVIVE, [{f"a_{name}": row[name] for name in _REVIVED} for row in rows])


def _close_after(tx: Transaction, received: Sequence[ReceivedDelivery]) -> None:
    """Close the database connection after a large body: SQLite keeps the last parameters of each statement."""
    if any(len(one.body) > LARGE_BODY for one in received):
        tx.detach()


_RECEIVED = ("connection_id", "delivery_id", "received_at", "headers", "body")
_REVIVED = ("connection_id", "delivery_id", "headers", "body")
_REVIVE = (
    sa.update(tables.delivery)
    .where(
        tables.delivery.c.connection_id == sa.bindparam("a_connection_id"),
        tables.delivery.c.delivery_id == sa.bindparam("a_delivery_id"),
        tables.delivery.c.buried_at.isnot(None),
    )
    .values(
        due_at=DatabaseNow(),
        buried_at=None,
        attempts=0,
        outcome="",
        headers=sa.bindparam("a_headers"),
        body=sa.bindparam("a_body"),
    )
)


def largest_due(engine: Engine, *, limit: int) -> int:
    """Return the bytes of the largest body among the next due deliveries; 0 when none is due."""
    d = tables.delivery.c
    with reading(engine) as tx:
        following = sa.select(sa.func.length(d.body).label("size")).where(d.due_at <= database_now(tx))
        sizes = following.order_by(d.due_at, d.id).limit(limit).subquery()
        return tx.scalar(sa.select(sa.func.max(sizes.c.size))) or 0


def replay(tx: Transaction, delivery_id: int) -> bool:
    """Make a delivery due again; return whether it exists."""
    return bool(due.replay(tx, tables.delivery, tables.delivery.c.id == delivery_id))


def count_buried(tx: Transaction) -> int:
    """Return how many deliveries are buried."""
    d = tables.delivery.c
    return tx.scalars(sa.select(sa.func.count(d.id)).where(d.buried_at.isnot(None))).one()


def replay_buried(engine: Engine) -> int:
    """Make all buried deliveries due again, batch by batch; return how many."""
    return due.replay_all(engine, tables.delivery, tables.delivery.c.buried_at.isnot(None))


def count_rejected(engine: Engine, connection_id: int, *, count: int, at: datetime) -> None:
    """Add `count` rejected deliveries, the last one received at `at`, and commit."""
    with writing(engine) as tx:
        row = {"connection_id": connection_id, "count": 0, "last_at": at}
        insert_or_skip(tx, tables.rejected_delivery, [row], unique=("connection_id",))
        r = tables.rejected_delivery
        mine = sa.update(r).where(r.c.connection_id == connection_id)
        tx.execute(mine.values(count=r.c.count + count, last_at=at))
        versions.bump(tx, versions.CHANGES)
