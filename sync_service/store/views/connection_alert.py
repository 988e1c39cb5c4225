"""The failures of one connection to report to its owner now, and the key results that are stale because of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.status import Status
from sync_service.domain.people.notices import ALERT_QUIET
from sync_service.store import tables as t
from sync_service.store.engine.database import database_now
from sync_service.store.okrs.staleness import stale_because_of


@dataclass(frozen=True, slots=True)
class StaleKeyResult:
    """A key result whose value may be out of date."""

    slug: str
    title: str


@dataclass(frozen=True, slots=True)
class GoneScope:
    """A scope that can no longer be watched, with the time and the reason."""

    name: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionAlert:
    """The failures of one connection to report now.

    `rows` are their alerts; `quiet` are alerts of failures that were reported recently; `mended` are alerts of failures
    that are over. `refused` is the time and the tracker's reason. `recipients` are the owner, else all admins.
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
    recently_alerted: tuple[Row[Any], ...]
    mended: tuple[Row[Any], ...]


def read_alert(tx: Transaction, connection_id: int) -> ConnectionAlert:
    """Return the failures that a connection's pending alerts report, and the key results that are stale by them."""
    b = t.connection_alert
    pending = tx.execute(
        sa.select(
            b,
            t.live_connection.c.refused_at,
            t.live_connection.c.refused_reason,
            t.live_scope.c.gone_reason,
            t.live_scope.c.gone_at,
        )
        .add_columns(sa.func.coalesce(t.live_scope.c.current_name, t.live_scope.c.name).label("scope"))
        .join(t.live_connection, t.live_connection.c.id == b.c.connection_id)
        .outerjoin(t.live_scope, t.live_scope.c.id == b.c.scope_id)
        .where(b.c.connection_id == connection_id, b.c.due_at.isnot(None))
        .order_by(b.c.id)
    ).all()
    quiet_since = database_now(tx) - ALERT_QUIET
    broken = [row for row in pending if _is_broken(row)]
    to_alert = [row for row in broken if row.alerted_at is None or row.alerted_at <= quiet_since]
    refused = next(((row.refused_at, row.refused_reason) for row in to_alert if row.scope_id is None), None)
    gone = [row for row in to_alert if row.scope_id is not None]
    one = tx.execute(sa.select(t.live_connection).where(t.live_connection.c.id == connection_id)).one()
    owner = tx.scalar(sa.select(t.person.c.email).where(t.person.c.id == one.owner_id))
    return ConnectionAlert(
        slug=one.slug,
        kind=one.kind,
        site=one.site,
        owned=owner is not None,
        recipients=(owner,) if owner else _admins(tx),
        refused=refused,
        gone=tuple(
            sorted((GoneScope(row.scope, row.gone_at or row.broke_at, row.gone_reason) for row in gone), key=_name)
        ),
        stale=_stale(tx, connection_id, refused=refused is not None, scope_ids=[row.scope_id for row in gone]),
        rows=tuple(to_alert),
        recently_alerted=tuple(row for row in broken if row not in to_alert),
        mended=tuple(row for row in pending if not _is_broken(row)),
    )


def _is_broken(row: Row[Any]) -> bool:
    return row.refused_at is not None if row.scope_id is None else row.gone_reason is not None


def _name(scope: GoneScope) -> str:
    return scope.name.casefold()


def _admins(tx: Transaction) -> tuple[str, ...]:
    p = t.person
    return tuple(tx.scalars(sa.select(p.c.email).where(p.c.role == "admin").order_by(p.c.email)))


def _stale(
    tx: Transaction, connection_id: int, *, refused: bool, scope_ids: Sequence[int]
) -> tuple[StaleKeyResult, ...]:
    """Return the stale key results, except those of past cycles."""
    k = t.live_key_result
    found = sa.select(k.c.id, k.c.slug, k.c.title).where(k.c.status != Status.CLOSED.value).order_by(k.c.slug)
    known = {row.id: StaleKeyResult(row.slug, row.title) for row in tx.execute(found)}
    if not known or not (refused or scope_ids):
        return ()
    ids = stale_because_of(tx, list(known), connection_id=connection_id, refused=refused, scope_ids=scope_ids)
    return tuple(one for id_, one in known.items() if id_ in ids)
