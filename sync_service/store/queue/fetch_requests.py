"""Fetch requests: issues to fetch from the tracker, one row per issue however often it is requested."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.store.engine import database
from sync_service.store.engine.database import database_now, upsert, writing
from sync_service.store.tables import fetch_request

UNREACHABLE = "unreachable"
"""The outcome of a fetch starts with this when it found no issue and no proof that the issue was deleted."""


def add(tx: Transaction, wanted: Mapping[tuple[int, str], tuple[FetchNeeded, str | None]]) -> None:
    """Request fetches: (connection id, identity) → (reason, delivery id). A row that exists becomes due again."""
    now = database_now(tx) if wanted else None
    rows = [
        {
            "connection_id": connection_id,
            "identity": identity,
            "key": one.key,
            "reason": one.reason,
            "delivery_id": delivery_id,
            "due_at": now,
            # A fetch under way may have seen an older state: this ends its lease on purpose.
            "lease": None,
            "attempts": 0,
            "settled_at": None,
            "buried_at": None,
        }
        for (connection_id, identity), (one, delivery_id) in sorted(wanted.items(), key=lambda item: item[0])
    ]
    upsert(tx, fetch_request, rows, unique=("connection_id", "identity"))


def request_and_commit(engine: Engine, wanted: Mapping[tuple[int, str], tuple[FetchNeeded, str | None]]) -> None:
    """Request fetches in a separate transaction; retry it when it conflicts with another worker's."""

    def add_all() -> None:
        with writing(engine) as tx:
            add(tx, wanted)

    database.retry_on_conflict(add_all)


def restart_deleted(tx: Transaction, gone: Iterable[tuple[int, str]]) -> None:
    """Restart fetches under way of issues, by (connection id, identity), that were deleted meanwhile: end their leases.

    Such a fetch may have read the issue before the deletion, and a successful fetch would revive it.
    """
    now = database_now(tx)
    for connection_id, identity in sorted(gone):
        held = sa.and_(
            fetch_request.c.connection_id == connection_id,
            fetch_request.c.identity == identity,
            fetch_request.c.lease.isnot(None),
        )
        tx.execute(sa.update(fetch_request).where(held).values(lease=None, due_at=now, attempts=0))
