"""Retry a failed row with backoff; bury it with the reason after too many attempts.

A row whose lease was lost belongs to its new holder: nothing is done here, and other rows go on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.queue import due

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8
"""A row that fails this often for a reason we don't know is buried: after about four minutes of backoff."""


def try_again(engine: Engine, table: sa.Table, row: Row[Any], error: Exception) -> None:
    """Postpone a failed row with backoff, or bury it after `MOST_ATTEMPTS`."""
    # Database errors contain the whole statement; the first line says what went wrong.
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    log.error("a row failed", table=table.name, row=row.id, attempts=row.attempts, exc_info=error)
    if row.attempts >= MOST_ATTEMPTS:
        bury(engine, table, row, reason=f"failed {row.attempts} times, last error: {reason}")
        return
    with unless_lost(), writing(engine) as tx:
        due.postpone(tx, table, row, wait=due.wait_after(row.attempts), outcome=reason)


def bury(engine: Engine, table: sa.Table, row: Row[Any], *, reason: str) -> None:
    """Bury a row for a person to see, and log it."""
    with unless_lost(), writing(engine) as tx:
        buried = due.bury(tx, table, row, reason=reason)
        versions.bump(tx, versions.CHANGES)
        log.warning(
            "buried" if buried else "requested again, so not buried", table=table.name, row=row.id, reason=reason
        )


@contextmanager
def unless_lost() -> Iterator[None]:
    """Log a lost lease instead of raising it: the new holder finishes the row."""
    try:
        yield
    except due.LeaseLost as error:
        log.warning("lease lost; another worker has the row", error=str(error))
