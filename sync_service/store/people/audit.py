"""The audit log: who did what and when."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `actor` is an e-mail address, an API token's name, or an account and its command."""

    id: int
    at: datetime
    actor: str
    what: str


def note(tx: Transaction, *, actor: str, what: str, at: datetime) -> None:
    """Record as text what somebody did, in the transaction that does it."""
    tx.execute(sa.insert(audit).values(at=at, actor=actor, what=what))


def entries(
    tx: Transaction, *, since: datetime | None = None, before: int | None = None, limit: int | None = None
) -> list[AuditEntry]:
    """Return the entries, newest first: those since a time, with ids below `before`, `limit` at most."""
    found = sa.select(audit.c.id, audit.c.at, audit.c.actor, audit.c.what).order_by(audit.c.id.desc()).limit(limit)
    if since is not None:
        found = found.where(audit.c.at >= since)
    if before is not None:
        found = found.where(audit.c.id < before)
    return [AuditEntry(*row) for row in tx.execute(found)]
