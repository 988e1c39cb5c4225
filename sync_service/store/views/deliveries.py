"""Deliveries for pages: lines with their outcomes, one opened, and the history entries that one caused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.history import value_changed

Outcome = Literal["waiting", "buried", "ignored", "applied"]

OUTCOMES: tuple[Outcome, ...] = ("waiting", "buried", "ignored", "applied")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One delivery without its body. `outcome_text` is its outcome as text; `next_at` is set while it waits."""

    id: int
    received_at: datetime
    connection: str
    name: str
    delivery: str
    outcome: Outcome
    outcome_text: str
    attempts: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOpened:
    """One delivery as received. `body` holds its first bytes, `size` is the length of the whole body in bytes."""

    line: DeliveryLine
    headers: Mapping[str, str]
    body: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A history entry that names a delivery among its causes. Values are in the key result's unit."""

    key_result: str
    title: str
    unit: str
    target: float | None
    at: datetime
    before: float | None
    after: float | None
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries wait, and how many are buried."""

    waiting: int
    buried: int


def counts(tx: Transaction) -> Counts:
    """Count the waiting and the buried deliveries; both are few, and each has an index."""
    d = tables.delivery
    waiting = sa.select(sa.func.count()).select_from(d).where(d.c.due_at.isnot(None))
    buried = sa.select(sa.func.count()).select_from(d).where(d.c.buried_at.isnot(None))
    return Counts(tx.scalars(waiting).one(), tx.scalars(buried).one())


def delivery_lines(
    tx: Transaction,
    *,
    outcome: Outcome | None = None,
    connection: str | None = None,
    delivery: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[DeliveryLine]:
    """List deliveries, newest first, filtered by outcome, connection slug, delivery id, and row id below `before`."""
    d, c = tables.delivery, tables.live_connection
    statement = _lines().order_by(d.c.id.desc()).limit(limit)
    if outcome is not None:
        statement = statement.where(_IS[outcome])
    if connection is not None:
        statement = statement.where(c.c.slug == connection)
    if delivery is not None:
        statement = statement.where(d.c.delivery_id == delivery)
    if before is not None:
        statement = statement.where(d.c.id < before)
    return [_line(row) for row in tx.execute(statement)]


def _lines() -> sa.Select[Any]:
    d, c = tables.delivery, tables.live_connection
    columns = (d.c.id, d.c.delivery_id, d.c.received_at, d.c.name, d.c.outcome, d.c.attempts, d.c.due_at, d.c.ignored)
    return sa.select(*columns, d.c.buried_at, c.c.slug).join(c, c.c.id == d.c.connection_id)


_settled = sa.and_(tables.delivery.c.due_at.is_(None), tables.delivery.c.buried_at.is_(None))
_IS: Mapping[Outcome, sa.ColumnElement[bool]] = {
    "waiting": tables.delivery.c.due_at.isnot(None),
    "buried": tables.delivery.c.buried_at.isnot(None),
    "ignored": sa.and_(_settled, tables.delivery.c.ignored),
    "applied": sa.and_(_settled, sa.not_(tables.delivery.c.ignored)),
}


def _line(row: Row[Any]) -> DeliveryLine:
    return DeliveryLine(
        id=row.id,
        received_at=row.received_at,
        connection=row.slug,
        name=row.name,
        delivery=row.delivery_id,
        outcome=_outcome(row),
        outcome_text=row.outcome,
        attempts=row.attempts,
        next_at=row.due_at,
    )


def _outcome(row: Row[Any]) -> Outcome:
    if row.due_at is not None:
        return "waiting"
    if row.buried_at is not None:
        return "buried"
    return "ignored" if row.ignored else "applied"


def open_delivery(tx: Transaction, delivery_id: int, *, most: int) -> DeliveryOpened | None:
    """Return a delivery by its row id, with at most `most` bytes of its body; None when the id is unknown."""
    d = tables.delivery
    # substr counts bytes in a blob, on SQLite and on PostgreSQL.
    body = sa.func.substr(d.c.body, 1, most, type_=sa.LargeBinary).label("start")
    size = sa.func.length(d.c.body).label("size")
    row = tx.execute(_lines().add_columns(d.c.headers, body, size).where(d.c.id == delivery_id)).one_or_none()
    if row is None:
        return None
    return DeliveryOpened(line=_line(row), headers=row.headers, body=bytes(row.start or b""), size=row.size)


def movements(tx: Transaction, delivery: str, *, since: datetime, searched: int) -> list[Movement]:
    """Return the history entries caused by a delivery, oldest first, among the first `searched` since a time."""
    h, k = tables.history, tables.live_key_result
    first = (
        sa.select(h.c.key_result_id, h.c.at, h.c["from"].label("before"), h.c.to, h.c.causes, h.c.id)
        .where(h.c.at >= since, value_changed)
        .order_by(h.c.id)
        .limit(searched)
        .subquery()
    )
    statement = (
        sa.select(first, k.c.slug, k.c.title, k.c.unit, k.c.target)
        .join(k, k.c.id == first.c.key_result_id)
        .order_by(first.c.id)
    )
    return [_movement(row) for row in tx.execute(statement) if _names(row.causes, delivery)]


def _names(causes: Sequence[Mapping[str, Any]], delivery: str) -> bool:
    return any(cause.get("delivery") == delivery for cause in causes)


def _movement(row: Row[Any]) -> Movement:
    return Movement(
        key_result=row.slug,
        title=row.title,
        unit=row.unit,
        target=row.target,
        at=row.at,
        before=row.before,
        after=row.to,
        causes=tuple(from_columns(columns) for columns in row.causes),
    )
