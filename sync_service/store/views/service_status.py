"""Service status: connections with their health, and backlog, lag and buried rows by table."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables as t
from sync_service.store.engine.database import database_now
from sync_service.store.queue import scheduled_tasks
from sync_service.store.queue.due import TABLES
from sync_service.store.trackers.connections import has_credentials
from sync_service.store.views.moves.moving_scopes import moving_scopes


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A watched scope; `gone` is the reason why it can no longer be watched."""

    name: str
    covered: bool
    gone: str | None


@dataclass(frozen=True, slots=True)
class ScheduledTaskView:
    """A scheduled task of a connection: when it last ran, and its outcome."""

    name: str
    ran_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection without its secrets; `refused_reason` is the tracker's text while it refuses our credentials.

    `moves` says which scopes move to it or from it, in words.
    """

    slug: str
    kind: str
    site: str
    owner: str | None
    scopes: tuple[ScopeView, ...]
    moves: tuple[str, ...]
    has_credentials: bool
    has_secret: bool
    refused_at: datetime | None
    refused_reason: str | None
    scheduled_tasks: tuple[ScheduledTaskView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Numbers of rows of one table: due now, due later, buried; `lag_seconds` is how late the oldest due row is."""

    table: str
    due: int
    lag_seconds: float
    later: int
    buried: int


def connection_views(tx: Transaction) -> list[ConnectionView]:
    """Return the connections, ordered by slug."""
    scopes: dict[int, list[ScopeView]] = defaultdict(list)
    for row in tx.execute(sa.select(t.live_scope).order_by(t.live_scope.c.name)):
        scopes[row.connection_id].append(ScopeView(row.name, row.covered_at is not None, row.gone_reason))
    tasks: dict[int, list[ScheduledTaskView]] = defaultdict(list)
    for row in scheduled_tasks.read(tx):
        if row.name != scheduled_tasks.ADD_TASKS:
            tasks[row.connection_id].append(ScheduledTaskView(row.name, row.ran_at, row.outcome))
    moves = moving_scopes(tx)
    can_call = has_credentials().label("can_call")
    found = sa.select(t.live_connection, t.person.c.email, can_call).outerjoin(
        t.person, t.person.c.id == t.live_connection.c.owner_id
    )
    return [
        ConnectionView(
            slug=row.slug,
            kind=row.kind,
            site=row.site,
            owner=row.email,
            scopes=tuple(scopes[row.id]),
            moves=tuple(moves.get(row.id, ())),
            has_credentials=row.can_call,
            has_secret=bool(row.sealed_secrets or row.client_id),
            refused_at=row.refused_at,
            refused_reason=row.refused_reason,
            scheduled_tasks=tuple(tasks[row.id]),
        )
        for row in tx.execute(found.order_by(t.live_connection.c.slug))
    ]


def backlogs(tx: Transaction) -> list[Backlog]:
    """Return the backlog of each table of due rows."""
    now = database_now(tx)
    return [_backlog(tx, table, now) for table in TABLES.values()]


def _backlog(tx: Transaction, table: sa.Table, now: datetime) -> Backlog:
    waiting = sa.select(
        sa.func.count().filter(table.c.due_at <= now).label("due"),
        sa.func.count().filter(table.c.due_at > now).label("later"),
        sa.func.min(table.c.due_at).label("oldest"),
    ).where(table.c.due_at.isnot(None))
    row = tx.execute(waiting).one()
    buried = tx.execute(sa.select(sa.func.count()).where(table.c.buried_at.isnot(None))).scalar_one()
    lag = max((now - row.oldest).total_seconds(), 0.0) if row.oldest else 0.0
    return Backlog(table=table.name, due=row.due, lag_seconds=round(lag, 1), later=row.later, buried=buried)
