"""The audit log: who changed what."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.store.tables import audit


def note(tx: Connection, *, actor: str, what: str, at: datetime) -> None:
    """Note in words what somebody changed, as part of the change."""
    tx.execute(sa.insert(audit).values(at=at, actor=actor, what=what))
