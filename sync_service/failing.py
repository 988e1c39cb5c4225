"""One policy for rows that fail: try again with backoff, and bury with the reason when that does not help.

A row whose lease was lost meanwhile is its new holder's to finish: nothing is done here, and its neighbours go on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.store import counters, due
from sync_service.store.database import writing

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8
"""A row that fails this often for a reason we don't understand is buried: after about four minutes of backoff."""


def try_again(engine: Engine, table: sa.Table, row: Row[Any], error: Exception) -> None:
    """Give a row that failed another chance later, or bury it when it has had enough."""
    # Database errors carry the whole statement; its first line says what went wrong.
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    log.error("a row failed", table=table.name, row=row.id, attempts=row.attempts, exc_info=error)
    if row.attempts >= MOST_ATTEMPTS:
        bury(engine, table, row, reason=f"failed {row.attempts} times, at last with {reason}")
        return
    with unless_lost(), writing(engine) as tx:
        due.postpone(tx, table, row, wait=due.wait_after(row.attempts), outcome=reason)


def bury(engine: Engine, table: sa.Table, row: Row[Any], *, reason: str) -> None:
    """Put a row aside for a person to see, and say so in the log."""
    with unless_lost(), writing(engine) as tx:
        buried = due.bury(tx, table, row, reason=reason)
        counters.bump(tx, counters.CHANGES)
        log.warning("buried" if buried else "asked for anew", table=table.name, row=row.id, reason=reason)


@contextmanager
def unless_lost() -> Iterator[None]:
    """Finish a row, or leave it to whoever has its lease now."""
    try:
        yield
    except due.LeaseLost as error:
        log.warning("lease lost, left to whoever has it now", error=str(error))
