"""Write slots: throttle write-back, because trackers want writes one at a time and not too many per hour.

In each bucket that writes, one worker at a time is the writer; write buckets (urgent, background) reserve slots that
spread the writes of all workers over the coming hours. Both are rows of the rate limit table with their own names.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.engine.database import database_now, insert_or_skip
from sync_service.store.queue import rate_limits
from sync_service.store.tables import rate_limit

GAP = timedelta(seconds=1)
"""The pause between two writes:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api."""

FARTHEST = timedelta(hours=6)
"""How far ahead a slot can be reserved; for a longer wait, try again later."""

KEPT = timedelta(seconds=30)
"""How long a slot stays valid after its time: slots missed during a rate limit must not be used all at once."""

_STEP = timedelta(seconds=1.2)


@dataclass(frozen=True, slots=True)
class WriteBucket:
    """A write rate: `burst` writes without delay, one by one, then one per `interval`."""

    name: str
    burst: int
    interval: timedelta


URGENT = WriteBucket("urgent", 60, timedelta(seconds=24))
BACKGROUND = WriteBucket("background", 0, timedelta(seconds=15))
"""Together 450 writes in any hour and 54 in any minute; GitHub allows 500 and 80. Urgent writes (an issue's key results
changed) never wait behind a thousand background writes (only their values changed).
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"""


def reserve_slot(tx: Transaction, connection_id: int, bucket: str, write_bucket: WriteBucket) -> datetime | None:
    """Reserve the next write slot and return its time; None when that would be too far ahead."""
    row = _lock(tx, connection_id, f"{bucket}/{write_bucket.name}")
    now = database_now(tx)
    reserved: timedelta = row.until - now
    # A time further ahead than any slot was reserved before the clock was stepped back.
    if not timedelta(0) < reserved <= write_bucket.interval * (write_bucket.burst + 1) + FARTHEST:
        reserved = timedelta(0)
    before = reserved / write_bucket.interval
    wait: timedelta = (
        min(before, write_bucket.burst) * _STEP + max(before - write_bucket.burst, 0.0) * write_bucket.interval
    )
    if wait > FARTHEST:
        return None
    _set_until(tx, row.id, now + reserved + write_bucket.interval)
    return now + wait


def acquire_writer(tx: Transaction, connection_id: int, bucket: str, *, most: timedelta) -> timedelta:
    """Become the writer for at most `most` and return zero; else return how long another worker still is."""
    writer = f"{bucket}/writer"
    row = _lock(tx, connection_id, writer)
    remaining = min(rate_limits.blocked_for(tx, connection_id, writer), most)
    if not remaining:
        _set_until(tx, row.id, database_now(tx) + most)
    return remaining


def release_writer(tx: Transaction, connection_id: int, bucket: str) -> None:
    """Let other workers write, after the gap. Do nothing when the connection was removed meanwhile."""
    mine = sa.and_(rate_limit.c.connection_id == connection_id, rate_limit.c.bucket == f"{bucket}/writer")
    tx.execute(sa.update(rate_limit).where(mine).values(until=database_now(tx) + GAP))


def _lock(tx: Transaction, connection_id: int, bucket: str) -> Row[Any]:
    row = {"connection_id": connection_id, "bucket": bucket, "until": database_now(tx), "seconds": 0}
    insert_or_skip(tx, rate_limit, [row], unique=("connection_id", "bucket"))
    mine: sa.Select[Any] = sa.select(rate_limit.c.id, rate_limit.c.until).where(
        rate_limit.c.connection_id == connection_id, rate_limit.c.bucket == bucket
    )
    return tx.execute(mine.with_for_update()).one()


def _set_until(tx: Transaction, row_id: int, until: datetime) -> None:
    tx.execute(sa.update(rate_limit).where(rate_limit.c.id == row_id).values(until=until))
