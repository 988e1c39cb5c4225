"""Check-ins: store, correct and withdraw them; the latest value, confidence and time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.store.engine.database import among
from sync_service.store.okrs.steps import before
from sync_service.store.tables import check_in


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest confidence of a key result, and the time of its latest check-in; None without any."""

    confidence: int | None = None
    at: datetime | None = None


def latest_values(tx: Transaction, until: Mapping[int, datetime]) -> dict[int, float]:
    """Return the value of the latest check-in before a time that has one and is not withdrawn, by key result."""
    c = check_in.c
    valued = sa.and_(before(c.key_result_id, c.at, until), c.value.isnot(None))
    return {row.key_result_id: row.value for row in _latest(tx, until, valued)}


def latest_authors(tx: Transaction, until: Mapping[int, datetime]) -> dict[int, int | None]:
    """Return the id of the person who checked in the latest value before a time, by key result; None: no person."""
    c = check_in.c
    valued = sa.and_(before(c.key_result_id, c.at, until), c.value.isnot(None))
    return {row.key_result_id: row.person_id for row in _latest(tx, until, valued)}


def latest(tx: Transaction, ids: Collection[int]) -> dict[int, Latest]:
    """Return the latest confidence and time of key results that have a check-in which is not withdrawn."""
    sure = {row.key_result_id: row.confidence for row in _latest(tx, ids, check_in.c.confidence.isnot(None))}
    return {row.key_result_id: Latest(sure.get(row.key_result_id), row.at) for row in _latest(tx, ids, sa.true())}


def _latest(tx: Transaction, ids: Collection[int], having: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
    """Return the latest check-in of each key result. A correction has the time of what it corrects."""
    if not ids:
        return []
    c = check_in.c
    age = sa.func.row_number().over(partition_by=c.key_result_id, order_by=(c.at.desc(), c.id.desc()))
    valid = sa.select(c.key_result_id, c.person_id, c.value, c.confidence, c.at, age.label("age"))
    found = valid.where(among(tx, c.key_result_id, ids), c.withdrawn_at.is_(None), having).subquery()
    return list(tx.execute(sa.select(found).where(found.c.age == 1)))


def add(
    tx: Transaction,
    key_result_id: int,
    entered: CheckIn,
    *,
    author: Author,
    at: datetime,
    corrects_id: int | None = None,
) -> int:
    """Store a check-in and return its id. A correction has the time of the check-in that it corrects."""
    columns = {
        "key_result_id": key_result_id,
        "person_id": author.person_id,
        "author": "" if author.person_id is not None else author.name,
        "at": at,
        "value": entered.value,
        "confidence": entered.confidence,
        "note": entered.note,
        "blockers": entered.blockers,
        "corrects_id": corrects_id,
    }
    id_: int = tx.scalars(sa.insert(check_in).values(columns).returning(check_in.c.id)).one()
    return id_


def withdraw(tx: Transaction, check_in_id: int, *, now: datetime) -> bool:
    """Mark a check-in as withdrawn, or as replaced by a correction; return False when it is marked already."""
    c = check_in.c
    mine = sa.update(check_in).where(c.id == check_in_id, c.withdrawn_at.is_(None))
    return tx.execute(mine.values(withdrawn_at=now)).rowcount == 1
