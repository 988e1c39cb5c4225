"""Turns and times for writing: within what trackers allow, whatever the number of issues."""

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

PART = "installation 7/core/writes"
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Give a database with a connection."""
    opened = open_database(migrated_url)
    columns = {"kind": "github", "site": "https://api.github.com", "options": {}, "sealed_secrets": []}
    with writing(opened) as tx:
        tx.execute(sa.insert(tables.connection).values(id=1, slug="gh", **columns))
    yield opened
    opened.dispose()


def times(engine: Engine, lane: WriteBucket, count: int) -> list[datetime | None]:
    """Ask for times one after the other."""
    with writing(engine) as tx:
        return [write_slots.reserve_slot(tx, 1, PART, lane) for _ in range(count)]


def most_within(found: list[datetime], span: timedelta) -> int:
    """Count the writes of the busiest span."""
    return max(sum(start <= one < start + span for one in found) for start in found)


@pytest.mark.slow
@pytest.mark.parametrize("databases", ["sqlite", "postgresql"] if ALL else ["sqlite"], indirect=True)
def test_a_thousand_issues_are_written_within_an_hours_and_a_minutes_limits(engine: Engine) -> None:
    """Both lanes together; times are given until they are too far ahead, and then none."""
    links, statuses = times(engine, URGENT, 1000), times(engine, BACKGROUND, 1500)
    found = sorted(one for one in [*links, *statuses] if one)
    assert most_within(found, HOUR) <= 460
    assert most_within(found, timedelta(minutes=1)) <= 60
    assert statuses[-1] is None
    assert found[-1] - found[0] <= FARTHEST + timedelta(minutes=2)


def test_a_change_of_links_waits_not_behind_standings(engine: Engine) -> None:
    """However many they are."""
    times(engine, BACKGROUND, 1000)
    with writing(engine) as tx:
        at = write_slots.reserve_slot(tx, 1, PART, URGENT)
        assert at is not None
        assert at <= database_now(tx)


def test_turns_and_times_are_no_pauses(engine: Engine) -> None:
    """No tracker asked for them, so nobody is told that one did."""
    times(engine, URGENT, 200)
    with writing(engine) as tx:
        assert write_slots.acquire_writer(tx, 1, PART, most=HOUR) == timedelta(0)
        assert rate_limits.active_limits(tx, [1]) == {}
        rate_limits.block(tx, 1, PART, wait=HOUR)
        (found,) = rate_limits.active_limits(tx, [1])[1]
        assert found.bucket == PART
        assert timedelta(0) < found.until - database_now(tx) <= HOUR


def test_a_time_kept_before_the_clock_was_stepped_back_counts_not(engine: Engine) -> None:
    """It would be waited for without end."""
    times(engine, BACKGROUND, 1)
    with writing(engine) as tx:
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx) + timedelta(days=3)))
    (found,) = times(engine, BACKGROUND, 1)
    with writing(engine) as tx:
        assert found is not None
        assert found <= database_now(tx)


def test_the_turn_is_ones_until_it_is_given_back_or_its_time_is_over(engine: Engine) -> None:
    """Then there is a second's gap; another part has a turn of its own."""
    most = timedelta(minutes=5)
    with writing(engine) as tx:
        assert write_slots.acquire_writer(tx, 1, PART, most=most) == timedelta(0)
    with writing(engine) as tx:
        assert timedelta(minutes=4) < write_slots.acquire_writer(tx, 1, PART, most=most) <= most
        assert write_slots.acquire_writer(tx, 1, "token/core/writes", most=most) == timedelta(0)
        write_slots.release_writer(tx, 1, PART)
        assert timedelta(0) < write_slots.acquire_writer(tx, 1, PART, most=most) <= write_slots.GAP
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx)))
        assert write_slots.acquire_writer(tx, 1, PART, most=most) == timedelta(0)


def test_a_turn_at_a_connection_that_was_removed_meanwhile_is_given_back_to_nobody(engine: Engine) -> None:
    """There is nothing to write down, and nothing to fail at."""
    with writing(engine) as tx:
        write_slots.acquire_writer(tx, 1, PART, most=HOUR)
        tx.execute(sa.delete(tables.connection))
    with writing(engine) as tx:
        write_slots.release_writer(tx, 1, PART)
        assert tx.execute(sa.select(tables.rate_limit)).all() == []
