"""Requests to derive the links of many known issues again, a chunk at a time."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.store.database import database_now
from sync_service.store.tables import relink


def add(tx: Connection, wanted: Iterable[tuple[int, str]]) -> None:
    """Ask for all issues of a connection to be linked again, each request with its cause in words."""
    now = database_now(tx)
    rows = [{"connection_id": connection_id, "cause": cause, "due_at": now} for connection_id, cause in wanted]
    if rows:
        tx.execute(sa.insert(relink), rows)
