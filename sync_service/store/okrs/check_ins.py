"""Check-ins: store and withdraw them; the value of the latest one."""

from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.okrs.key_results import recompute
from sync_service.store.okrs.steps import before


def latest_values(tx: Transaction, until: Mapping[int, datetime]) -> dict[int, float]:
    """Return the value of the latest check-in before a time that has one and is not withdrawn, by key result."""
    c = tables.check_in
    valid = (c.c.value.isnot(None), c.c.withdrawn_at.is_(None))
    newest = sa.select(sa.func.max(c.c.id)).where(before(c.c.key_result_id, c.c.at, until), *valid)
    found = sa.select(c.c.key_result_id, c.c.value).where(c.c.id.in_(newest.group_by(c.c.key_result_id)))
    return {row.key_result_id: row.value for row in tx.execute(found)}


def add(
    tx: Transaction, key_result_id: int, *, person_id: int | None, name: str, value: float, note: str, now: datetime
) -> None:
    """Store a check-in with a value and request to compute its key result; `name` is the person's name."""
    columns = {"key_result_id": key_result_id, "person_id": person_id, "at": now, "value": value, "note": note}
    tx.execute(sa.insert(tables.check_in).values(columns))
    what = f"checked in: {note}" if note else "checked in"
    recompute(tx, [key_result_id], causes=[Cause(what=what, actor=name)])


def withdraw(
    tx: Transaction,
    key_result_id: int,
    check_in_id: int,
    *,
    person_id: int,
    name: str,
    shown: Callable[[float | None], str],
    now: datetime,
) -> bool:
    """Withdraw a person's check-in and request to compute its key result; return False when there is none to withdraw.

    `name` is the person's name; `shown` writes the value.
    """
    c = tables.check_in
    mine = (c.c.id == check_in_id, c.c.key_result_id == key_result_id, c.c.person_id == person_id)
    withdrawn = sa.update(c).where(*mine, c.c.withdrawn_at.is_(None)).values(withdrawn_at=now).returning(c.c.value)
    row = tx.execute(withdrawn).one_or_none()
    if row is None:
        return False
    recompute(tx, [key_result_id], causes=[Cause(what=f"check-in of {shown(row.value)} withdrawn", actor=name)])
    return True
