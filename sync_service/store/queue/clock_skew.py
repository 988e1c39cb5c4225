"""Clock skew: repair due times after the database's clock was stepped back, so that no row waits until it catches up.

The longest wait of each table is known. A row that would wait longer got its due time while the clock was ahead: the
machine's clock for SQLite, else the database server's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.domain.people.notices import ALERT_QUIET
from sync_service.store.engine.database import among, database_now, reading, writing
from sync_service.store.queue import due, write_slots

SLACK = timedelta(seconds=5)
"""Tolerance: transactions may commit in another order than they read the clock."""

BATCH = 2000
"""Rows of a table repaired in one transaction."""

LONGEST_DAY = timedelta(hours=26)
"""The longest day of any time zone, plus an hour."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The longest wait of a table's rows for the first attempt, and for later ones."""

    first: timedelta = timedelta(0)
    later: timedelta = due.LONGEST_WAIT


def _waits(settle: timedelta) -> Mapping[str, Waits]:
    others = {
        "oauth_token": Waits(first=LONGEST_DAY, later=LONGEST_DAY),
        "fetch_request": Waits(later=due.LONGEST_POSTPONE),
        "poll": Waits(first=due.LONGEST_WAIT, later=due.LONGEST_POSTPONE),
        "scheduled_task": Waits(first=due.LONGEST_POSTPONE, later=due.LONGEST_POSTPONE),
        "query_candidate": Waits(first=due.LEASE, later=due.LONGEST_POSTPONE),
        "query_listing": Waits(first=due.LONGEST_WAIT, later=due.LONGEST_POSTPONE),
        "recompute": Waits(first=LONGEST_DAY, later=LONGEST_DAY),
        "forecast": Waits(first=LONGEST_DAY, later=LONGEST_DAY),
        "write_back": Waits(first=write_slots.FARTHEST, later=due.LONGEST_POSTPONE),
        "write_back_round": Waits(first=due.LONGEST_WAIT),
        "notice": Waits(first=settle, later=settle + due.LONGEST_WAIT),
        "connection_alert": Waits(later=max(settle, ALERT_QUIET) + due.LONGEST_WAIT),
    }
    return dict.fromkeys(due.TABLES, Waits()) | others


def repair_due_times(engine: Engine, *, settle: timedelta) -> int:
    """Make rows due that would wait too long; return how many. `settle` is the settling time of notices.

    A row under a lease keeps it, for at most the longest lease.
    """
    waits = _waits(settle)
    with reading(engine) as tx:
        now = database_now(tx)
        affected = [name for name in waits if tx.scalar(_any_too_late(due.TABLES[name], waits[name], now))]
    if not affected:
        return 0
    return sum(_repair(engine, due.TABLES[name], waits[name]) for name in affected)


def _repair(engine: Engine, table: sa.Table, waits: Waits) -> int:
    """Repair a table's rows, each batch in a transaction of its own; return how many."""
    count = 0
    while True:
        with writing(engine) as tx:
            now = database_now(tx)
            repaired = _repair_some(tx, table, _lease_too_long(table, now), now + due.LONGEST_LEASE)
            repaired += _repair_some(tx, table, _waits_too_long(table, waits, now), now)
        if not repaired:
            return count
        count += repaired


def _repair_some(tx: Transaction, table: sa.Table, where: sa.ColumnElement[bool], due_at: datetime) -> int:
    found = sa.select(table.c.id).where(where).order_by(table.c.id).limit(BATCH).with_for_update(skip_locked=True)
    some = among(tx, table.c.id, tx.scalars(found).all())
    return tx.execute(sa.update(table).where(some).values(due_at=due_at)).rowcount


def _any_too_late(table: sa.Table, waits: Waits, now: datetime) -> sa.Select[int]:
    found = sa.or_(_lease_too_long(table, now), _waits_too_long(table, waits, now))
    return sa.select(sa.literal(1)).where(table.c.due_at > now + SLACK, found).limit(1)


def _lease_too_long(table: sa.Table, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.lease.isnot(None), table.c.due_at > now + due.LONGEST_LEASE + SLACK)


def _waits_too_long(table: sa.Table, waits: Waits, now: datetime) -> sa.ColumnElement[bool]:
    first, later = now + waits.first + SLACK, now + waits.later + SLACK
    too_long = sa.or_(sa.and_(table.c.attempts == 0, table.c.due_at > first), table.c.due_at > later)
    return sa.and_(table.c.lease.is_(None), too_long)
