"""Until when a person has seen the changes of key results."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import person


def seen_at(tx: Transaction, person_id: int) -> datetime | None:
    """Return until when a person has seen the changes; None: they never said so."""
    found: datetime | None = tx.scalars(sa.select(person.c.changes_seen_at).where(person.c.id == person_id)).one()
    return found


def mark_seen(tx: Transaction, person_id: int, at: datetime) -> None:
    """Remember that a person has seen the changes until a moment; an earlier one than before changes nothing."""
    before = sa.or_(person.c.changes_seen_at.is_(None), person.c.changes_seen_at < at)
    tx.execute(sa.update(person).where(person.c.id == person_id, before).values(changes_seen_at=at))
