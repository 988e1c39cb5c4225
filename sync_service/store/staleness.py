"""Which values may be out of date, since when and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.store import tables
from sync_service.store.links import counts


@dataclass(frozen=True, slots=True)
class Stale:
    """Since when the value may be out of date, and why: a tracker refuses our credentials."""

    since: datetime
    reason: str


def stale(tx: Connection, key_result_ids: Sequence[int]) -> dict[int, Stale]:
    """Find the refused connections that key results reach by an enabled rule or a linked issue; the longest wins."""
    r, n, i = tables.rule, tables.link, tables.issue
    by_rule = sa.select(r.c.key_result_id, r.c.connection_id).where(r.c.key_result_id.in_(key_result_ids), r.c.enabled)
    by_link = (
        sa.select(n.c.key_result_id, i.c.connection_id)
        .join(i, i.c.id == n.c.issue_id)
        .where(n.c.key_result_id.in_(key_result_ids), counts)
    )
    reached = by_rule.union(by_link).subquery()
    refusing = tables.connection
    statement = (
        sa.select(reached.c.key_result_id, refusing.c.slug, refusing.c.refused_at, refusing.c.refused_reason)
        .join(refusing, refusing.c.id == reached.c.connection_id)
        .where(refusing.c.refused_at.isnot(None))
        .order_by(refusing.c.refused_at, refusing.c.id)
    )
    found: dict[int, Stale] = {}
    for row in tx.execute(statement):
        found.setdefault(row.key_result_id, Stale(row.refused_at, f"{row.slug}: {row.refused_reason}"))
    return found
