"""Query candidates: changed issues to match against rules' queries, one row per issue however often it changes."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import database_now, upsert
from sync_service.store.tables import query_candidate, rule_revision


def add(tx: Transaction, identities: Iterable[tuple[int, str]]) -> None:
    """Request to match issues that have just changed, by (connection id, identity), against the queries."""
    wanted = sorted(set(identities))
    now = database_now(tx) if wanted else None
    rows = [
        {
            "connection_id": connection_id,
            "identity": identity,
            "changed_at": now,
            "due_at": now,
            # A match under way may have seen the older state: this ends its lease on purpose.
            "lease": None,
            "attempts": 0,
            "settled_at": None,
            "buried_at": None,
        }
        for connection_id, identity in wanted
    ]
    upsert(tx, query_candidate, rows, unique=("connection_id", "identity"))


def asking(tx: Transaction, connection_id: int) -> dict[int, str]:
    """Return the live queries of a connection's rules, by revision id."""
    r = rule_revision.c
    live = sa.and_(r.connection_id == connection_id, r.query.isnot(None), r.state.in_(("pending", "active")))
    return {row.id: row.query for row in tx.execute(sa.select(r.id, r.query).where(live).order_by(r.id))}
