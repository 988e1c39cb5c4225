"""Removals: whatever was marked as being removed is deleted batch by batch, here and after a kill."""

from sqlalchemy.engine import Engine

from sync_service.store.okrs import okr_removal
from sync_service.store.trackers import connection_removal, scope_removal

_REMOVALS = (connection_removal.delete_batches, scope_removal.delete_batches, okr_removal.delete_batches)


def delete_batches(engine: Engine, *, batches: int | None = None) -> bool:
    """Delete what is being removed, at most so many batches of each kind; return whether there is more to delete."""
    return sum(one(engine, batches=batches) for one in _REMOVALS) > 0
