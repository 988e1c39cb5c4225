"""Stop watching scopes: mark them, so that they are not read any more, then remove their issues in batches.

A scope may have hundreds of thousands of issues, and deleting its row would write each of them at once.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.store.engine.database import DatabaseNow, reading, writing
from sync_service.store.queue.batched_deletes import BATCH
from sync_service.store.tables import connection_alert, issue, poll, scope


def begin(tx: Transaction, scope_ids: Collection[int]) -> None:
    """Mark scopes as no longer watched, and stop polling them. Their names are free again."""
    for table in (poll, connection_alert):
        tx.execute(sa.delete(table).where(table.c.scope_id.in_(scope_ids)))
    for one in sorted(scope_ids):
        marked = {"name": f"{one} is being removed", "removed_at": DatabaseNow()}
        tx.execute(sa.update(scope).where(scope.c.id == one).values(marked))


def delete_batches(engine: Engine, *, batches: int | None = None) -> bool:
    """Remove issues of marked scopes, in a limited number of batches; return whether there are more."""
    done = 0
    while (scope_id := _next(engine)) is not None:
        if batches is not None and done >= batches:
            return True
        done += 1
        with writing(engine) as tx:
            some = sa.select(issue.c.id).where(issue.c.scope_id == scope_id).order_by(issue.c.id).limit(BATCH)
            if tx.execute(sa.update(issue).where(issue.c.id.in_(some)).values(scope_id=None)).rowcount == 0:
                tx.execute(sa.delete(scope).where(scope.c.id == scope_id))
    return False


def _next(engine: Engine) -> int | None:
    marked = sa.select(scope.c.id).where(scope.c.removed_at.isnot(None)).order_by(scope.c.id).limit(1)
    with reading(engine) as tx:
        return tx.scalar(marked)
