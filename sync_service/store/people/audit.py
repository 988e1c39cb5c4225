"""The audit log: who changed what and when."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import audit


def note(tx: Transaction, *, actor: str, what: str, at: datetime) -> None:
    """Record as text what somebody changed, in the transaction of the change."""
    tx.execute(sa.insert(audit).values(at=at, actor=actor, what=what))
