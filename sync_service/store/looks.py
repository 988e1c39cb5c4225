"""Issues to look at, one row for each however often it is asked for."""

from sqlalchemy.engine import Connection

from sync_service.domain.issues import Look
from sync_service.store.database import database_now, upsert
from sync_service.store.tables import look


def add(tx: Connection, connection_id: int, one: Look, *, delivery_id: str | None) -> None:
    """Ask for a look; a row that is there is due again."""
    row = {
        "connection_id": connection_id,
        "identity": one.identity,
        "key": one.key,
        "reason": one.reason,
        "delivery_id": delivery_id,
        "due_at": database_now(tx),
        # A look that runs meanwhile may have seen too early a state: its lease is broken on purpose.
        "lease": None,
        "attempts": 0,
        "settled_at": None,
        "buried_at": None,
    }
    upsert(tx, look, [row], unique=("connection_id", "identity"))
