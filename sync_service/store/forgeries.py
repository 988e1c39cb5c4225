"""How many deliveries of a connection came with a wrong signature or none, and when the last one did."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import counters
from sync_service.store.database import insert_or_skip, writing
from sync_service.store.tables import forgery


def note(engine: Engine, connection_id: int, *, count: int, at: datetime) -> None:
    """Add so many, the last of them at a moment, and commit."""
    with writing(engine) as tx:
        row = {"connection_id": connection_id, "count": 0, "last_at": at}
        insert_or_skip(tx, forgery, [row], unique=("connection_id",))
        mine = sa.update(forgery).where(forgery.c.connection_id == connection_id)
        tx.execute(mine.values(count=forgery.c.count + count, last_at=at))
        counters.bump(tx, counters.CHANGES)
