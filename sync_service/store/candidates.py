"""Issues of which queries are to be asked, one row for each however often it changes."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.database import database_now, upsert
from sync_service.store.tables import candidate, rule_revision


def add(tx: Transaction, identities: Iterable[tuple[int, str]]) -> None:
    """Ask queries about issues, by (connection's id, identity), that have just changed."""
    wanted = sorted(set(identities))
    now = database_now(tx) if wanted else None
    rows = [
        {
            "connection_id": connection_id,
            "identity": identity,
            "changed_at": now,
            "due_at": now,
            # Who asks meanwhile may go by what the issue was before: its lease is broken on purpose.
            "lease": None,
            "attempts": 0,
            "settled_at": None,
            "buried_at": None,
        }
        for connection_id, identity in wanted
    ]
    upsert(tx, candidate, rows, unique=("connection_id", "identity"))


def asking(tx: Transaction, connection_id: int) -> dict[int, str]:
    """Give the queries that are asked about a connection's issues, by the ids of their revisions."""
    r = rule_revision.c
    live = sa.and_(r.connection_id == connection_id, r.query.isnot(None), r.state.in_(("pending", "active")))
    return {row.id: row.query for row in tx.execute(sa.select(r.id, r.query).where(live).order_by(r.id))}
