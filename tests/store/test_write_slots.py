"""Write slots: writes stay within the trackers' limits, whatever the number of issues."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine.database import database_now, open_database, writing
from sync_service.store.queue import rate_limits, write_slots
from sync_service.store.queue.write_slots import BACKGROUND, FARTHEST, URGENT, WriteBucket
from tests.support.run_scope import ALL

pytestmark = pytest.mark.both_databases

BUCKET = "installation 7/core/writes"
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with a connection."""
    opened = open_database(migrated_url)
    columns = {"kind": "github", "site": "https://api.github.com", "options": {}, "sealed_secrets": []}
    with writing(opened) as tx:
        tx.execute(sa.insert(tables.connection).values(id=1, slug="gh", **columns))
    yield opened
    opened.dispose()


def reserve(engine: Engine, bucket: WriteBucket, count: int) -> list[datetime | None]:
    """Reserve slots one after the other."""
    with writing(engine) as tx:
        return [write_slots.reserve_slot(tx, 1, BUCKET, bucket) for _ in range(count)]


def most_within(found: list[datetime], span: timedelta) -> int:
    """Return the number of writes in the busiest span."""
    return max(sum(start <= one < start + span for one in found) for start in found)


@pytest.mark.slow
@pytest.mark.parametrize("databases", ["sqlite", "postgresql"] if ALL else ["sqlite"], indirect=True)
@pytest.mark.only_in_test_all
def test_a_thousand_issues_stay_within_the_limits_of_an_hour_and_a_minute(engine: Engine) -> None:
    """Both buckets together. Slots are given until they are too far ahead, and then none."""
    links, background = reserve(engine, URGENT, 1000), reserve(engine, BACKGROUND, 1500)
    found = sorted(one for one in [*links, *background] if one)
    assert most_within(found, HOUR) <= 460
    assert most_within(found, timedelta(minutes=1)) <= 60
    assert background[-1] is None
    assert found[-1] - found[0] <= FARTHEST + timedelta(minutes=2)


@pytest.mark.slow
def test_urgent_writes_do_not_wait_for_background_writes(engine: Engine) -> None:
    """Even behind a thousand of them."""
    reserve(engine, BACKGROUND, 1000)
    with writing(engine) as tx:
        at = write_slots.reserve_slot(tx, 1, BUCKET, URGENT)
        assert at is not None
        assert at <= database_now(tx)


@pytest.mark.slow
def test_slots_and_locks_are_no_rate_limits(engine: Engine) -> None:
    """The tracker did not ask for them, so no page reports a rate limit."""
    reserve(engine, URGENT, 200)
    with writing(engine) as tx:
        assert write_slots.acquire_writer(tx, 1, BUCKET, most=HOUR) == timedelta(0)
        assert rate_limits.active_limits(tx, [1]) == {}
        rate_limits.block(tx, 1, BUCKET, wait=HOUR)
        (found,) = rate_limits.active_limits(tx, [1])[1]
        assert found.bucket == BUCKET
        assert timedelta(0) < found.until - database_now(tx) <= HOUR


def test_a_slot_stored_before_the_clock_was_set_back_does_not_count(engine: Engine) -> None:
    """The wait for it would not end."""
    reserve(engine, BACKGROUND, 1)
    with writing(engine) as tx:
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx) + timedelta(days=3)))
    (found,) = reserve(engine, BACKGROUND, 1)
    with writing(engine) as tx:
        assert found is not None
        assert found <= database_now(tx)


def test_one_writer_holds_the_lock_until_it_is_released_or_expires(engine: Engine) -> None:
    """Then there is a gap of a second. Another credential has a lock of its own."""
    most = timedelta(minutes=5)
    with writing(engine) as tx:
        assert write_slots.acquire_writer(tx, 1, BUCKET, most=most) == timedelta(0)
    with writing(engine) as tx:
        assert timedelta(minutes=4) < write_slots.acquire_writer(tx, 1, BUCKET, most=most) <= most
        assert write_slots.acquire_writer(tx, 1, "token/core/writes", most=most) == timedelta(0)
        write_slots.release_writer(tx, 1, BUCKET)
        assert timedelta(0) < write_slots.acquire_writer(tx, 1, BUCKET, most=most) <= write_slots.GAP
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx)))
        assert write_slots.acquire_writer(tx, 1, BUCKET, most=most) == timedelta(0)


def test_releasing_a_lock_of_a_removed_connection_does_nothing(engine: Engine) -> None:
    """There is no row to update, and no error."""
    with writing(engine) as tx:
        write_slots.acquire_writer(tx, 1, BUCKET, most=HOUR)
        tx.execute(sa.delete(tables.connection))
    with writing(engine) as tx:
        write_slots.release_writer(tx, 1, BUCKET)
        assert tx.execute(sa.select(tables.rate_limit)).all() == []
