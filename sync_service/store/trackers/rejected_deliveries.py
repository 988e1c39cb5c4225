"""Rejected deliveries: count those whose webhook signature is wrong or missing, and note when the last one came."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store.engine import versions
from sync_service.store.engine.database import insert_or_skip, writing
from sync_service.store.tables import rejected_delivery


def note(engine: Engine, connection_id: int, *, count: int, at: datetime) -> None:
    """Add `count` rejected deliveries, the last one received at `at`, and commit."""
    with writing(engine) as tx:
        row = {"connection_id": connection_id, "count": 0, "last_at": at}
        insert_or_skip(tx, rejected_delivery, [row], unique=("connection_id",))
        mine = sa.update(rejected_delivery).where(rejected_delivery.c.connection_id == connection_id)
        tx.execute(mine.values(count=rejected_delivery.c.count + count, last_at=at))
        versions.bump(tx, versions.CHANGES)
