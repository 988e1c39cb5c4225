"""Work that changed settings make due: relinks, revisions of rules, key results to compute again."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables
from sync_service.store.engine.database import database_now

TABLES = (tables.rule_revision, tables.relink_request, tables.recompute)


class WorkFailed(Exception):
    """A row of this work failed; its outcome says why."""


def end_leases(tx: Transaction) -> None:
    """Make rows due now that a worker has a lease on, or that wait because they failed."""
    for table in TABLES:
        taken = sa.or_(table.c.lease.isnot(None), table.c.attempts > 0)
        open_rows = sa.and_(table.c.due_at.isnot(None), taken)
        tx.execute(sa.update(table).where(open_rows).values({"due_at": database_now(tx), "lease": None, "attempts": 0}))


def require_no_failure(tx: Transaction) -> None:
    """Raise `WorkFailed` when a row waits because it failed."""
    for table in TABLES:
        failed = sa.select(table.c.outcome).where(table.c.due_at.isnot(None), table.c.attempts > 0).limit(1)
        if (outcome := tx.scalar(failed)) is not None:
            raise WorkFailed(f"{table.name}: {outcome}")
