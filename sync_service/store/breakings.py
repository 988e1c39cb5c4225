"""What broke at a tracker: noted in the transaction that marks it, and read again when its owner is to be told.

A row stands for a connection, or for one scope of it, and is used anew each time that it breaks. Whether it is still
broken is read from the connection and the scope themselves, so that nobody who mends has to know of these rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.pace import Status
from sync_service.store import tables as t
from sync_service.store.database import database_now, upsert
from sync_service.store.staleness import stale_because_of

QUIET = timedelta(days=1)
"""For how long nobody is told again of what breaks, is mended and breaks again."""


@dataclass(frozen=True, slots=True)
class StaleKeyResult:
    """A key result whose value may be out of date."""

    slug: str
    title: str


@dataclass(frozen=True, slots=True)
class GoneScope:
    """A scope that can no longer be watched, since when and why."""

    name: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What is broken of one connection and was not told lately.

    `rows` are those that say so, `quiet` those about what is broken again too soon to tell, `mended` those about what
    works again. `refused` is since when, with the tracker's words. `recipients` are the owner, else all admins.
    """

    slug: str
    kind: str
    site: str
    owned: bool
    recipients: tuple[str, ...]
    refused: tuple[datetime, str] | None
    gone: tuple[GoneScope, ...]
    stale: tuple[StaleKeyResult, ...]
    rows: tuple[Row[Any], ...]
    quiet: tuple[Row[Any], ...]
    mended: tuple[Row[Any], ...]


def note_refused(tx: Transaction, connection_id: int) -> None:
    """Let the owner hear that a connection was refused just now. The connection must be locked."""
    b = t.breaking
    again = sa.update(b).where(b.c.connection_id == connection_id, b.c.scope_id.is_(None))
    if not tx.execute(again.values(_anew(tx))).rowcount:
        tx.execute(sa.insert(b).values(connection_id=connection_id, **_anew(tx)))


def note_gone(tx: Transaction, connection_id: int, scope_id: int) -> None:
    """Let the owner hear that a scope is gone since just now."""
    row = {"connection_id": connection_id, "scope_id": scope_id, **_anew(tx)}
    upsert(tx, t.breaking, [row], unique=("scope_id",))


def _anew(tx: Transaction) -> dict[str, Any]:
    now = database_now(tx)
    # Who is about to tell of the last time may have read too early a state: its lease is broken on purpose.
    again = {"lease": None, "attempts": 0, "settled_at": None, "buried_at": None, "outcome": ""}
    return {"broke_at": now, "due_at": now, **again}


def read(tx: Transaction, connection_id: int) -> Broken:
    """Read what is broken of a connection among what waits to be told, and which key results are stale by it."""
    b = t.breaking
    waiting = tx.execute(
        sa.select(b, t.connection.c.refused_at, t.connection.c.refused_reason, t.scope.c.gone, t.scope.c.gone_at)
        .add_columns(sa.func.coalesce(t.scope.c.called, t.scope.c.name).label("scope"))
        .join(t.connection, t.connection.c.id == b.c.connection_id)
        .outerjoin(t.scope, t.scope.c.id == b.c.scope_id)
        .where(b.c.connection_id == connection_id, b.c.due_at.isnot(None))
        .order_by(b.c.id)
    ).all()
    lately = database_now(tx) - QUIET
    broken = [row for row in waiting if _is_broken(row)]
    telling = [row for row in broken if row.told_at is None or row.told_at <= lately]
    refused = next(((row.refused_at, row.refused_reason) for row in telling if row.scope_id is None), None)
    gone = [row for row in telling if row.scope_id is not None]
    one = tx.execute(sa.select(t.connection).where(t.connection.c.id == connection_id)).one()
    owner = tx.scalar(sa.select(t.person.c.email).where(t.person.c.id == one.owner_id))
    return Broken(
        slug=one.slug,
        kind=one.kind,
        site=one.site,
        owned=owner is not None,
        recipients=(owner,) if owner else _admins(tx),
        refused=refused,
        gone=tuple(sorted((GoneScope(row.scope, row.gone_at or row.broke_at, row.gone) for row in gone), key=_name)),
        stale=_stale(tx, connection_id, refused=refused is not None, scope_ids=[row.scope_id for row in gone]),
        rows=tuple(telling),
        quiet=tuple(row for row in broken if row not in telling),
        mended=tuple(row for row in waiting if not _is_broken(row)),
    )


def _is_broken(row: Row[Any]) -> bool:
    return row.refused_at is not None if row.scope_id is None else row.gone is not None


def _name(scope: GoneScope) -> str:
    return scope.name.casefold()


def _admins(tx: Transaction) -> tuple[str, ...]:
    p = t.person
    return tuple(tx.scalars(sa.select(p.c.email).where(p.c.role == "admin").order_by(p.c.email)))


def _stale(
    tx: Transaction, connection_id: int, *, refused: bool, scope_ids: Sequence[int]
) -> tuple[StaleKeyResult, ...]:
    """Give the key results, those of past cycles left out."""
    k = t.key_result
    found = sa.select(k.c.id, k.c.slug, k.c.title).where(k.c.status != Status.CLOSED.value).order_by(k.c.slug)
    known = {row.id: StaleKeyResult(row.slug, row.title) for row in tx.execute(found)}
    if not known or not (refused or scope_ids):
        return ()
    ids = stale_because_of(tx, list(known), connection_id=connection_id, refused=refused, scope_ids=scope_ids)
    return tuple(one for id_, one in known.items() if id_ in ids)


def lock(tx: Transaction, connection_id: int) -> None:
    """Lock the rows of a connection, in the order of their ids."""
    b = t.breaking
    tx.execute(sa.select(b.c.id).where(b.c.connection_id == connection_id).order_by(b.c.id).with_for_update()).all()


def settle_along(tx: Transaction, rows: Sequence[Row[Any]], **columns: Any) -> int:
    """Finish rows that nobody's lease is for, as they were read; give how many still stood like that."""
    b, count = t.breaking, 0
    values = {"due_at": None, "lease": None, "settled_at": database_now(tx), **columns}
    for row in sorted(rows, key=lambda row: row.id):
        as_read = sa.and_(b.c.id == row.id, b.c.broke_at == row.broke_at, b.c.due_at.isnot(None))
        count += tx.execute(sa.update(b).where(as_read).values(values)).rowcount
    return count
