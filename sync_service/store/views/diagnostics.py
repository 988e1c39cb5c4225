"""Diagnostics: what we have stored about a connection, for `okr-sync doctor`."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables as t
from sync_service.store.okrs.query_listings import incomplete_of


@dataclass(frozen=True, slots=True)
class ScopeDiagnostics:
    """A watched scope: `current_name` is its name at the tracker now, `external_id` its id there, once known.

    `stopped` says why the last poll did not reach the end of its list.
    """

    name: str
    current_name: str
    external_id: str | None
    covered: bool
    gone: str | None
    stopped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDiagnostics:
    """A connection with the time of its last delivery, and the number and last time of rejected deliveries.

    `incomplete` are queries that are not listed completely and scheduled tasks with a problem, each with the reason.
    """

    kind: str
    owner: str | None
    has_secret: bool
    refused_at: datetime | None
    refused_reason: str | None
    last_delivery_at: datetime | None
    rejected: int
    rejected_at: datetime | None
    scopes: tuple[ScopeDiagnostics, ...]
    incomplete: tuple[tuple[str, str], ...]


def diagnostics_of(tx: Transaction, slug: str) -> ConnectionDiagnostics | None:
    """Return a connection's diagnostics; None when the slug is unknown."""
    c, s, d = t.live_connection, t.live_scope, t.delivery
    found = sa.select(c, t.person.c.email).outerjoin(t.person, t.person.c.id == c.c.owner_id).where(c.c.slug == slug)
    row = tx.execute(found).one_or_none()
    if row is None:
        return None
    polled = sa.select(s, t.poll.c.stopped_reason).outerjoin(t.poll, t.poll.c.scope_id == s.c.id)
    scopes = tx.execute(polled.where(s.c.connection_id == row.id).order_by(s.c.name))
    newest = sa.select(d.c.received_at).where(d.c.connection_id == row.id).order_by(d.c.id.desc()).limit(1)
    f = t.rejected_delivery
    rejected = tx.execute(
        sa.select(f.c.count.label("deliveries"), f.c.last_at).where(f.c.connection_id == row.id)
    ).first()
    return ConnectionDiagnostics(
        kind=row.kind,
        owner=row.email,
        has_secret=bool(row.sealed_secrets or row.client_id),
        refused_at=row.refused_at,
        refused_reason=row.refused_reason,
        last_delivery_at=tx.scalar(newest),
        rejected=rejected.deliveries if rejected else 0,
        rejected_at=rejected.last_at if rejected else None,
        scopes=tuple(
            ScopeDiagnostics(
                name=one.name,
                current_name=one.current_name or one.name,
                external_id=one.external_id,
                covered=one.covered_at is not None,
                gone=one.gone_reason,
                stopped=one.stopped_reason,
            )
            for one in scopes
        ),
        incomplete=tuple(incomplete_lists(tx, row.id)),
    )


def incomplete_lists(tx: Transaction, connection_id: int) -> list[tuple[str, str]]:
    """Return what was not listed to the end: queries, by rule, and scheduled tasks, by name; each with the reason."""
    task = t.scheduled_task.c
    found = sa.select(task.name, task.problem).where(task.connection_id == connection_id, task.problem.isnot(None))
    tasks = [(row.name, row.problem) for row in tx.execute(found.where(task.due_at.isnot(None)).order_by(task.name))]
    return [*((f"query of rule {rule}", why) for rule, why in incomplete_of(tx, connection_id)), *tasks]


def slugs(tx: Transaction) -> list[str]:
    """Return the slugs of all connections."""
    return list(tx.scalars(sa.select(t.live_connection.c.slug).order_by(t.live_connection.c.slug)))
