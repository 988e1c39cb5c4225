"""Removals: delete the rows of what was marked as being removed, in batches, also after a kill."""

from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, retry_on_conflict, writing
from sync_service.store.okrs import key_results, okr_removal
from sync_service.store.trackers import connection_removal, scope_moves, scope_removal

_REMOVALS = (connection_removal.delete_batches, scope_removal.delete_batches, okr_removal.delete_batches)


def delete_batches(engine: Engine, *, batches: int | None = None) -> bool:
    """Delete what is being removed, at most so many batches of each kind; return whether there is more to delete."""
    with reading(engine) as tx:
        left = connection_removal.those_that_left(tx)
    for connection_id in left:
        retry_on_conflict(partial(_remove, engine, connection_id))
    return sum(one(engine, batches=batches) for one in _REMOVALS) > 0


def _remove(engine: Engine, connection_id: int) -> None:
    """Begin to remove a connection whose scopes have moved, and compute again what its issues are linked to."""
    n, i = tables.link, tables.issue
    linked = sa.select(n.c.key_result_id).join(i, i.c.id == n.c.issue_id).where(i.c.connection_id == connection_id)
    with reading(engine) as tx:
        concerned = tx.scalars(linked.distinct()).all()
    with writing(engine) as tx:
        versions.bump(tx, versions.RULES)
        if scope_moves.leave(tx, connection_id):
            return  # another move from it began
        connection_removal.mark(tx, connection_id)
        key_results.recompute(tx, concerned, causes=[Cause(what="a connection was removed, its scopes have moved")])
        versions.bump(tx, versions.CHANGES)
