"""Settlement: the scores and outcomes that people settled, and when those of a cycle were complete."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.cycles.outcomes import Outcome
from sync_service.store.engine.database import among
from sync_service.store.tables import cycle, key_result, live_cycle, live_key_result, live_objective


def settle(tx: Transaction, key_result_id: int, *, outcome: Outcome, score: float | None) -> None:
    """Store the outcome and the score of a key result."""
    k = key_result
    tx.execute(sa.update(k).where(k.c.id == key_result_id).values(outcome=outcome.value, score=score))


def settled_among(tx: Transaction, ids: Sequence[int]) -> set[int]:
    """Return the key results whose outcome a person settled."""
    k = live_key_result
    return set(tx.scalars(sa.select(k.c.id).where(among(tx, k.c.id, ids), k.c.outcome.isnot(None))))


def complete(tx: Transaction, cycle_slug: str, now: datetime) -> bool:
    """Note when all outcomes of a cycle are settled; return whether they are."""
    k, o, live = live_key_result, live_objective, live_cycle
    missing = (
        sa.select(k.c.id)
        .join(o, o.c.id == k.c.objective_id)
        .join(live, live.c.id == o.c.cycle_id)
        .where(live.c.slug == cycle_slug, k.c.outcome.is_(None))
    )
    if tx.execute(missing.limit(1)).first() is not None:
        return False
    c = cycle
    first = sa.func.coalesce(c.c.settled_at, sa.literal(now, type_=c.c.settled_at.type))
    tx.execute(sa.update(c).where(c.c.slug == cycle_slug).values(settled_at=first))
    return True
