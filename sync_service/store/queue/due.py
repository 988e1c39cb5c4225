"""Due rows, a job queue in the database: claim a row under a lease, then settle, postpone, bury or replay it.

`due_at` is by the database's clock, and null once a row is settled or buried. A claim sets it to the end of the lease
and writes a token: when a worker dies, its lease expires and the row is due again. Only the holder of the token may
finish the row.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import among, database_now, reading, writing
from sync_service.store.tables.instant import Instant

TABLES: Mapping[str, sa.Table] = {
    table.name: table
    for table in (
        tables.delivery,
        tables.oauth_token,
        tables.fetch_request,
        tables.poll,
        tables.scheduled_task,
        tables.query_candidate,
        tables.query_listing,
        tables.rule_revision,
        tables.relink_request,
        tables.recompute,
        tables.forecast,
        tables.notice,
        tables.connection_alert,
        tables.mail,
        tables.write_back,
        tables.write_back_round,
    )
}

LEASE = timedelta(seconds=60)
LONGEST_LEASE = timedelta(minutes=5)
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_POSTPONE = timedelta(days=7)
"""The longest wait that a tracker can impose on us, whatever it asks for."""

SETTLING = timedelta(seconds=5)
"""How long a requested row waits, so that a burst of changes is handled once."""


class LeaseLost(Exception):
    """Another worker may have claimed the row since: roll back; that worker does the work."""


def claim(
    engine: Engine,
    table: sa.Table,
    *,
    limit: int,
    lease: timedelta = LEASE,
    size: sa.ColumnElement[int] | None = None,
    most: int = 0,
) -> list[Row[Any]]:
    """Claim up to `limit` due rows, oldest first; each has its `lease` token, and `attempts` counts this one.

    When `size` is given, the sum of the sizes is at most `most`, but at least one row is claimed.
    """
    with writing(engine) as tx:
        now = database_now(tx)
        found = (
            sa.select(table.c.id, sa.literal(0) if size is None else size)
            .where(table.c.due_at <= now)
            .order_by(table.c.due_at, table.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = _up_to_size(tx.execute(found).all(), most)
        if not ids:
            return []
        values = {"due_at": now + lease, "lease": secrets.token_hex(16), "attempts": table.c.attempts + 1}
        claiming = sa.update(table).where(table.c.id.in_(ids)).values(values)
        if size is None:
            claimed = tx.execute(claiming.returning(table))
        else:  # for a large row SQLite takes twice as much memory to return it from an update as to read it after one
            tx.execute(claiming)
            claimed = tx.execute(sa.select(table).where(table.c.id.in_(ids)))
        position = {row_id: index for index, row_id in enumerate(ids)}
        return sorted(claimed, key=lambda row: position[row.id])


def _up_to_size(found: Sequence[Any], most: int) -> list[int]:
    totals = accumulate(row[1] for row in found)
    return [row[0] for index, (row, total) in enumerate(zip(found, totals, strict=True)) if not index or total <= most]


def settle(tx: Transaction, table: sa.Table, rows: Sequence[Row[Any]], outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Finish rows as part of `tx`, each with its columns (`outcome` among them). Raise `LeaseLost`.

    A row that was requested again meanwhile becomes due again instead.
    """
    now = database_now(tx)
    requested = [requested_again(tx, table, row) for row in rows]
    ended = [pair for pair, again in zip(zip(rows, outcomes, strict=True), requested, strict=True) if not again]
    _finish(tx, table, [row for row, _ in ended], [{"settled_at": now, "due_at": None, **one} for _, one in ended])
    for row, outcome, again in zip(rows, outcomes, requested, strict=True):
        if again:
            release(tx, table, row, wait=SETTLING, **outcome)


def requested_again(tx: Transaction, table: sa.Table, row: Row[Any]) -> bool:
    """Return whether a row was requested again since it was claimed, and lock it.

    Only tables with a column `request_count` count requests; for others the answer is False.
    """
    if "request_count" not in table.c:
        return False
    request_count = tx.scalar(sa.select(table.c.request_count).where(table.c.id == row.id).with_for_update())
    return request_count is not None and request_count != row.request_count


def postpone(tx: Transaction, table: sa.Table, row: Row[Any], *, wait: timedelta, outcome: str) -> None:
    """Release the row, to be claimed again after the wait. Raise `LeaseLost`."""
    _finish(tx, table, [row], [{"due_at": database_now(tx) + wait, "outcome": outcome}])


def bury(tx: Transaction, table: sa.Table, row: Row[Any], *, reason: str) -> bool:
    """Set the row aside, with its reason, until somebody replays it; return whether it was. Raise `LeaseLost`.

    A row that was requested again meanwhile becomes due again instead, with one attempt counted.
    """
    if requested_again(tx, table, row):
        release(tx, table, row, wait=SETTLING, outcome=reason, attempts=1)
        return False
    _finish(tx, table, [row], [{"due_at": None, "buried_at": database_now(tx), "outcome": reason}])
    return True


def release(tx: Transaction, table: sa.Table, row: Row[Any], *, wait: timedelta = timedelta(0), **columns: Any) -> None:
    """Release a row whose work is partly done, to continue after the wait. Raise `LeaseLost`."""
    _finish(tx, table, [row], [{"due_at": database_now(tx) + wait, "attempts": 0, **columns}])


def release_some(
    tx: Transaction, table: sa.Table, rows: Sequence[Row[Any]], columns: Sequence[Mapping[str, Any]]
) -> None:
    """Release rows whose work is partly done, each with its columns (`due_at` among them). Raise `LeaseLost`."""
    _finish(tx, table, rows, [{"attempts": 0, **values} for values in columns])


def checkpoint(tx: Transaction, table: sa.Table, row: Row[Any], *, lease: timedelta, **columns: Any) -> None:
    """Save the progress of a row's work and renew its lease. Raise `LeaseLost`."""
    _update(tx, table, [row], [{"due_at": database_now(tx) + lease, **columns}])


def still_leased(tx: Transaction, table: sa.Table, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows whose lease is not lost, and lock them: it can't be lost until `tx` ends."""
    locked = sa.select(table.c.id, table.c.lease).where(table.c.id.in_([row.id for row in rows]))
    leases = {row.id: row.lease for row in tx.execute(locked.order_by(table.c.id).with_for_update())}
    return [row for row in rows if leases.get(row.id) == row.lease]


def _finish(tx: Transaction, table: sa.Table, rows: Sequence[Row[Any]], columns: Iterable[Mapping[str, Any]]) -> None:
    _update(tx, table, rows, [{**values, "lease": None} for values in columns])


def _update(tx: Transaction, table: sa.Table, rows: Sequence[Row[Any]], columns: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    statement = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row_id"), table.c.lease == sa.bindparam("row_lease"))
        .values({name: sa.bindparam(name) for name in columns[0]})
    )
    parameters = [
        {"row_id": row.id, "row_lease": row.lease, **values} for row, values in zip(rows, columns, strict=True)
    ]
    if tx.execute(statement, parameters).rowcount != len(rows):
        raise LeaseLost(f"{table.name}: a lease among {[row.id for row in rows]} was lost")


def wait_after(attempts: int) -> timedelta:
    """Return the backoff before the next try: 2 s, doubled each time, at most an hour."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)


REPLAYED = 2000
"""Rows made due again in one transaction."""


def replay_all(engine: Engine, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    """Make rows due again, each batch in a transaction of its own; return how many.

    A process that is killed leaves the later ones as they were: the same replay again goes on with them.
    """
    with reading(engine) as tx:
        ids = tx.scalars(sa.select(table.c.id).where(where).order_by(table.c.id)).all()
    count = 0
    for start in range(0, len(ids), REPLAYED):
        with writing(engine) as tx:
            count += replay(tx, table, sa.and_(among(tx, table.c.id, ids[start : start + REPLAYED]), where))
            versions.bump(tx, versions.CHANGES)
    return count


def replay(tx: Transaction, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    """Make finished or waiting rows due again from the first attempt, a bounded number of them; return how many.

    In tables that count requests (`request_count`), attempts start at 1: the last try may have reached the tracker.
    """
    values = {
        "due_at": database_now(tx),
        "lease": None,
        "attempts": 1 if "request_count" in table.c else 0,
        "settled_at": None,
        "buried_at": None,
        "outcome": "",
    }
    return tx.execute(sa.update(table).where(where).values(values)).rowcount


def tables_with_due_rows(tx: Transaction) -> list[str]:
    """Return the names of the tables with a row that is due now."""
    found = tx.execute(_due_by_table(), {"now": database_now(tx)}).one()
    return [name for name, is_due in zip(TABLES, found, strict=True) if is_due]


@cache
def _due_by_table() -> sa.Select[Any]:
    # `now` is a parameter: with clock_timestamp() in the statement, which is volatile, PostgreSQL can't use the index.
    now = sa.bindparam("now", type_=Instant())
    due: list[Any] = [sa.exists().where(table.c.due_at <= now).label(name) for name, table in TABLES.items()]
    return sa.select(*due)


def oldest_lag(tx: Transaction) -> timedelta | None:
    """Return how long the oldest due row of any table has waited; None when nothing is due."""
    now = database_now(tx)
    oldest = [
        at
        for table in TABLES.values()
        if (at := tx.scalar(sa.select(sa.func.min(table.c.due_at)).where(table.c.due_at <= now))) is not None
    ]
    return now - min(oldest) if oldest else None
