"""Check-ins of a key result for its page, the newest first."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInView:
    """A check-in: `value` in the key result's unit; `person_id` and `name` None where the person was removed."""

    id: int
    at: datetime
    person_id: int | None
    name: str | None
    value: float | None
    note: str
    withdrawn_at: datetime | None


def check_in_views(tx: Transaction, key_result_id: int, *, limit: int) -> list[CheckInView]:
    """Return the newest check-ins of a key result, withdrawn ones too."""
    c, p = tables.check_in, tables.person
    found = (
        sa.select(c.c.id, c.c.at, c.c.person_id, p.c.name, c.c.value, c.c.note, c.c.withdrawn_at)
        .outerjoin(p, p.c.id == c.c.person_id)
        .where(c.c.key_result_id == key_result_id)
        .order_by(c.c.id.desc())
        .limit(limit)
    )
    return [CheckInView(**row) for row in tx.execute(found).mappings()]
