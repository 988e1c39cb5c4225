"""Refreezes: requests to compute final numbers once more. Each is kept in the row that computes its key result."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import among, database_now
from sync_service.store.okrs import key_results
from sync_service.store.tables import recompute


@dataclass(frozen=True, slots=True)
class Refreeze:
    """A request by a person that waits, or none any more where `by` is None; `outcome` says what went wrong."""

    by: str | None
    outcome: str


def request(tx: Transaction, ids: Collection[int], *, by: str) -> None:
    """Request to compute the final numbers of key results once more, for a person; an earlier request stays."""
    key_results.recompute(tx, ids)
    r = recompute
    tx.execute(
        sa.update(r)
        .where(among(tx, r.c.key_result_id, ids))
        .values(refrozen_by=sa.func.coalesce(r.c.refrozen_by, by), outcome="")
    )


def under_way(tx: Transaction, key_result_id: int) -> bool:
    """Return whether a request for a key result waits."""
    r = recompute
    waits = sa.and_(r.c.key_result_id == key_result_id, r.c.refrozen_by.isnot(None), r.c.buried_at.is_(None))
    return tx.execute(sa.select(r.c.id).where(waits)).first() is not None


def read(tx: Transaction, ids: Sequence[int]) -> Mapping[int, Refreeze]:
    """Return the requests that wait or went wrong, by key result."""
    r = recompute
    asked = sa.or_(r.c.refrozen_by.isnot(None), r.c.outcome != "")
    rows = tx.execute(sa.select(r).where(among(tx, r.c.key_result_id, ids), asked))
    return {row.key_result_id: Refreeze(None if row.buried_at else row.refrozen_by, row.outcome) for row in rows}


def any_due(tx: Transaction, ids: Sequence[int]) -> bool:
    """Return whether one of the key results is to be computed now, and no worker does it yet."""
    r = recompute
    due = sa.and_(among(tx, r.c.key_result_id, ids), r.c.due_at <= database_now(tx))
    return tx.execute(sa.select(r.c.id).where(due).limit(1)).first() is not None
