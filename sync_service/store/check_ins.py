"""Check-ins: what people say about a key result, and the value they set where it is theirs to set."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.domain.causes import Cause
from sync_service.store.key_results import recompute
from sync_service.store.tables import check_in


def add_check_in(
    tx: Connection, key_result_id: int, *, person_id: int | None, name: str, value: float, note: str, now: datetime
) -> None:
    """Keep a check-in that sets a value, and make its key result due to be computed; `name` is whose hand it was."""
    columns = {"key_result_id": key_result_id, "person_id": person_id, "at": now, "value": value, "note": note}
    tx.execute(sa.insert(check_in).values(columns))
    what = f"checked in: {note}" if note else "checked in"
    recompute(tx, [key_result_id], causes=[Cause(what=what, actor=name)])
