"""Drain due rows: claim them, work on them, retry a failed row with backoff, and bury it after too many attempts.

A row whose lease was lost belongs to its new holder: nothing is done here, and other rows go on. When the database
fails, the error is raised: it is not the rows' fault, their leases end and they are due again.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.store.engine import versions
from sync_service.store.engine.availability import is_away
from sync_service.store.engine.database import writing
from sync_service.store.queue import due

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8
"""A row that fails this often for a reason we don't know is buried: after about four minutes of backoff."""

Rows = Sequence[Row[Any]]

Work = Callable[[Rows], None]
"""Works on claimed rows, and settles, postpones or buries them."""

GroupBy = Callable[[Row[Any]], Hashable]
"""Returns the group of a row."""


def drain_rows(
    engine: Engine,
    table: sa.Table,
    work: Work,
    *,
    limit: int,
    lease: timedelta = due.LEASE,
    group_by: GroupBy | None = None,
    divisible: bool = False,
) -> int:
    """Claim up to `limit` due rows and work on them, as `try_groups` does; return how many were claimed."""
    rows = due.claim(engine, table, limit=limit, lease=lease)
    try_groups(engine, table, rows, work, group_by=group_by, divisible=divisible)
    return len(rows)


def try_groups(
    engine: Engine,
    table: sa.Table,
    rows: Rows,
    work: Work,
    *,
    group_by: GroupBy | None = None,
    divisible: bool = False,
) -> None:
    """Work on claimed rows: on each alone, or with `group_by` on all rows of a group together.

    When the work on a group fails, its rows are retried or buried. Where it is `divisible`, each row is tried alone
    first, so that this happens only to a row that fails alone.
    """
    for group in _groups(rows, group_by):
        if not (divisible and len(group) > 1):
            try_rows(engine, table, group, work)
        elif not _works(table, group, work):
            for row in group:
                try_rows(engine, table, [row], work)


def one_group(row: Row[Any]) -> Hashable:
    """Put all rows in one group."""
    del row
    return None


def _groups(rows: Rows, group_by: GroupBy | None) -> Iterable[Rows]:
    if group_by is None:
        return [[row] for row in rows]
    groups: dict[Hashable, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[group_by(row)].append(row)
    return groups.values()


def _works(table: sa.Table, rows: Rows, work: Work) -> bool:
    try:
        work(rows)
    except Exception as error:
        if is_away(error):
            raise
        log.warning("rows are tried one by one", table=table.name, rows=len(rows), reason=_reason(error))
        return False
    return True


def try_rows(engine: Engine, table: sa.Table, rows: Rows, work: Work) -> None:
    """Work on claimed rows. Retry or bury them when the work fails; leave them when a lease is lost."""
    try:
        with unless_lost():
            work(rows)
    except Exception as error:
        if is_away(error):
            raise
        for row in rows:
            try_again(engine, table, row, error)


def try_again(engine: Engine, table: sa.Table, row: Row[Any], error: Exception) -> None:
    """Postpone a failed row with backoff, or bury it after `MOST_ATTEMPTS`."""
    reason = _reason(error)
    log.error("a row failed", table=table.name, row=row.id, attempts=row.attempts, exc_info=error)
    if row.attempts >= MOST_ATTEMPTS:
        bury(engine, table, row, reason=f"failed {row.attempts} times, last error: {reason}")
        return
    with unless_lost(), writing(engine) as tx:
        due.postpone(tx, table, row, wait=due.wait_after(row.attempts), outcome=reason)


def _reason(error: Exception) -> str:
    # Database errors contain the whole statement; the first line says what went wrong.
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


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
