"""Clock skew: no row waits long after the database clock was set back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine.database import database_now, open_database, reading, writing
from sync_service.store.queue import due
from sync_service.store.queue.clock_skew import repair_due_times

pytestmark = pytest.mark.both_databases

SETTLE = timedelta(minutes=10)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with one mail."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        now = database_now(tx)
        columns = {"message_id": "m", "recipient": "ana@example.com", "kind": "notice", "sealed_content": ""}
        tx.execute(sa.insert(tables.mail).values(**columns, created_at=now, due_at=now))
    yield opened
    opened.dispose()


def wait(engine: Engine, wait_for: timedelta, *, attempts: int = 0, lease: str | None = None) -> None:
    """Make the mail wait this long."""
    with writing(engine) as tx:
        columns = {"due_at": database_now(tx) + wait_for, "attempts": attempts, "lease": lease}
        tx.execute(sa.update(tables.mail).values(columns))


def due_at(engine: Engine) -> datetime:
    """Return when the mail is due."""
    with reading(engine) as tx:
        at: datetime = tx.execute(sa.select(tables.mail.c.due_at)).scalar_one()
        return at


def waits(engine: Engine) -> timedelta:
    """Return how long the mail waits."""
    with reading(engine) as tx:
        now = database_now(tx)
    return max(due_at(engine) - now, timedelta(0))


@pytest.mark.parametrize("step", [MINUTE, HOUR, 1000 * DAY])
def test_a_row_that_was_never_tried_is_due_at_once(engine: Engine, step: timedelta) -> None:
    """It was due when it was stored."""
    wait(engine, step)
    assert repair_due_times(engine, settle=SETTLE) == 1
    assert waits(engine) == timedelta(0)
    assert len(due.claim(engine, tables.mail, limit=1)) == 1


def test_a_lease_is_kept_for_at_most_the_longest_lease(engine: Engine) -> None:
    """The worker may be busy, and can still finish the row. If it is dead, the row is due after that."""
    (row,) = due.claim(engine, tables.mail, limit=1)
    wait(engine, HOUR, attempts=1, lease=row.lease)
    assert repair_due_times(engine, settle=SETTLE) == 1
    assert due.LONGEST_LEASE - MINUTE < waits(engine) <= due.LONGEST_LEASE
    with writing(engine) as tx:
        due.settle(tx, tables.mail, [row], [{"outcome": "sent"}])


def test_a_retry_waits_for_at_most_the_longest_backoff(engine: Engine) -> None:
    """That is an hour."""
    wait(engine, HOUR + MINUTE, attempts=3)
    assert repair_due_times(engine, settle=SETTLE) == 1
    assert waits(engine) == timedelta(0)


@pytest.mark.parametrize(
    ("waiting", "attempts", "lease"),
    [(timedelta(0), 0, None), (SECOND, 0, None), (HOUR, 1, None), (due.LONGEST_LEASE, 1, "held")],
)
def test_a_due_time_within_the_limits_stays(
    engine: Engine, waiting: timedelta, attempts: int, lease: str | None
) -> None:
    """The clock was not set back."""
    wait(engine, waiting, attempts=attempts, lease=lease)
    before = due_at(engine)
    assert repair_due_times(engine, settle=SETTLE) == 0
    assert due_at(engine) == before


def test_a_settled_row_is_never_changed(engine: Engine) -> None:
    """It has no due time."""
    (row,) = due.claim(engine, tables.mail, limit=1)
    with writing(engine) as tx:
        due.settle(tx, tables.mail, [row], [{"outcome": "sent"}])
    assert repair_due_times(engine, settle=SETTLE) == 0
