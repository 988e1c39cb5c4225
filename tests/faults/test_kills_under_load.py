"""Nothing acknowledged is lost and the values are right, whatever is killed, flushed, locked or full."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from redis import Redis
from redis.exceptions import RedisError

from sync_service.runtime.wiring import Services
from sync_service.runtime.worker import count_workers
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.faults.conftest import LONG, SEED, FaultHarness
from tests.faults.load import LoadGenerator
from tests.faults.nemesis import end_leases
from tests.faults.oracle_check import broken_entries, check, stored
from tests.faults.own_postgres import OwnPostgres
from tests.faults.workload import SignedDelivery, Workload
from tests.support.run_scope import ALL
from tests.support.wait_until import until

pytestmark = pytest.mark.slow

KILLS = 200 if LONG else 3 if ALL else 2
QUIET = 60
"""Seconds of quiet within which all must be applied, when no lease of a dead worker is left."""


def test_nothing_acknowledged_is_lost_by_any_fault(harness: FaultHarness, oracle: Services, tmp_path: Path) -> None:
    """Three senders post deliveries while the nemesis injects faults; then the state is compared with the oracle."""
    history = Workload(SEED)
    nemesis = harness.nemesis
    with LoadGenerator(history, harness.service.address, SEED, pause=0.3 if LONG else 0.05) as posting:
        while nemesis.kills < KILLS:
            nemesis.strike()
    history.close()
    end_leases(harness.engine)
    until(lambda: at_rest(harness), "all is applied", seconds=QUIET)
    note(posting, nemesis.fault_counts, tmp_path)
    check(harness.engine, oracle=oracle, sent=posting.sent, acknowledged=posting.acknowledged())


@pytest.mark.parametrize("harness", ["sqlite", "postgresql"] if LONG or ALL else ["sqlite"], indirect=True)
def test_without_redis_all_is_applied_within_a_minute_of_quiet(harness: FaultHarness, oracle: Services) -> None:
    """Redis is flushed and killed under load; leases are not ended early, the scheduler alone recovers.

    The workers are counted again without a restart.
    """
    history = Workload(SEED)
    with LoadGenerator(history, harness.service.address, SEED) as posting:
        for _ in range(40 if LONG else 2):
            time.sleep(0.5)
            harness.nemesis.flush_redis()
            harness.nemesis.kill_redis()
    history.close()
    until(lambda: at_rest(harness), "all is applied", seconds=QUIET)
    until(lambda: counted_workers(harness) == 2, "both workers are counted", seconds=QUIET)
    check(harness.engine, oracle=oracle, sent=posting.sent, acknowledged=posting.acknowledged())


@pytest.mark.only_in_test_all
def test_while_redis_has_no_disk_deliveries_are_applied_all_the_same(harness: FaultHarness) -> None:
    """A private Redis exits repeatedly, one by URL refuses all writes; with disk space again both work."""
    history = Workload(SEED)
    deliveries = [history.next() for _ in range(24)]
    history.close()
    assert [post(harness, delivery) for delivery in deliveries[:8]] == [202] * 8
    until(lambda: counted_workers(harness) == 2, "both workers are there")
    with harness.nemesis.full_redis_disk():
        until(lambda: not takes_writes(harness.services.redis), "Redis takes no writes")
        assert [post(harness, delivery) for delivery in deliveries[8:16]] == [202] * 8
        end_leases(harness.engine)
        until(lambda: at_rest(harness), "all is applied without Redis", seconds=QUIET)
        assert not takes_writes(harness.services.redis)
    until(lambda: takes_writes(harness.services.redis), "Redis takes writes again")
    until(lambda: counted_workers(harness) == 2, "both workers are there again", seconds=QUIET)
    assert [post(harness, delivery) for delivery in deliveries[16:]] == [202] * 8
    until(lambda: at_rest(harness), "all is applied", seconds=QUIET)
    assert set(stored(harness.engine)) == {delivery.id for delivery in deliveries}
    assert broken_entries(harness.engine) == []


def counted_workers(harness: FaultHarness) -> int:
    """Return how many workers are counted; none while Redis starts again."""
    try:
        return count_workers(harness.services.redis)
    except RedisError:
        return 0


def takes_writes(redis: Redis) -> bool:
    """Return whether Redis accepts a write."""
    try:
        return bool(redis.set("tests", "are here"))
    except RedisError:
        return False


@pytest.mark.parametrize("harness", ["postgresql"], indirect=True)
def test_while_the_database_is_away_nothing_is_acknowledged(harness: FaultHarness, own_postgres: OwnPostgres) -> None:
    """Deliveries are answered 503 and the service is not ready; when the database is back, all continues."""
    history = Workload(SEED)
    deliveries = [history.next() for _ in range(12)]
    history.close()
    own_postgres.crash()
    assert [post(harness, delivery) for delivery in deliveries[:6]] == [503] * 6
    assert requests.get(f"{harness.service.address}/readyz", timeout=15).status_code == 503
    own_postgres.start_again()
    until(lambda: post(harness, deliveries[0]) == 202, "deliveries are accepted again")
    assert [post(harness, delivery) for delivery in deliveries] == [202] * len(deliveries)
    end_leases(harness.engine)
    until(lambda: at_rest(harness), "all is applied", seconds=QUIET)
    assert set(stored(harness.engine)) == {delivery.id for delivery in deliveries}


def post(harness: FaultHarness, delivery: SignedDelivery) -> int:
    """Post a delivery; return the status."""
    url = f"{harness.service.address}/hooks/{delivery.connection}"
    return requests.post(url, data=delivery.body, headers=dict(delivery.headers), timeout=15).status_code


def at_rest(harness: FaultHarness) -> bool:
    """Return whether no delivery waits and nothing else is due."""
    waits = sa.select(sa.func.count()).where(tables.delivery.c.due_at.isnot(None))
    with reading(harness.engine) as tx:
        waiting = tx.scalar(waits)
    return waiting == 0 and not harness.services.drains.due()


def note(posting: LoadGenerator, struck: Mapping[str, int], directory: Path) -> None:
    """Write all responses with their times to a file, and print a summary."""
    record = directory / "answers.json"
    record.write_text(json.dumps([[one.at, one.delivery_id, one.status] for one in posting.answers]))
    by_status = {status: posting.count(status) for status in (202, 503, None)}
    print(f"seed {SEED}: {len(posting.sent)} deliveries, responses {by_status}, faults {dict(struck)}, record {record}")  # noqa: T201 - shown when the test fails, or by -s
