"""Check-ins: people's notes about a key result, and the value they set for a manual measure."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.causes import Cause
from sync_service.store.okrs.key_results import recompute
from sync_service.store.tables import check_in


def add_check_in(
    tx: Transaction, key_result_id: int, *, person_id: int | None, name: str, value: float, note: str, now: datetime
) -> None:
    """Store a check-in with a value and request to compute its key result; `name` is the person's name."""
    columns = {"key_result_id": key_result_id, "person_id": person_id, "at": now, "value": value, "note": note}
    tx.execute(sa.insert(check_in).values(columns))
    what = f"checked in: {note}" if note else "checked in"
    recompute(tx, [key_result_id], causes=[Cause(what=what, actor=name)])
