"""Clocks that are wrong, differ or step: nothing is lost or applied twice, and nothing waits for long."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from sync_service.ingest.receive import Receipt
from sync_service.runtime import scheduler
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.queue import due
from tests.faults.conftest import LONG, SEED
from tests.faults.oracle_check import check, furnish, receive, stored
from tests.faults.test_rules_under_load import work
from tests.faults.workload import SignedDelivery, Workload
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases, SqliteDatabases
from tests.support.services import build_services

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
DELIVERIES = 300 if LONG else 60 if ALL else 30
STEPS = 200 if LONG else 12 if ALL else 8


def test_workers_whose_clocks_are_days_apart_apply_each_delivery_once(
    databases: Databases, tmp_path: Path, oracle: Services
) -> None:
    """One clock is a day ahead, one a day behind; leases and due times use the database's clock."""
    url = databases.prepared(prepare)
    receiver = build_services(url, tmp_path, clock=utc_now)
    workers = [build_services(url, tmp_path, clock=lambda off=off: utc_now() + off) for off in (DAY, -DAY)]
    furnish(receiver)
    receiver.drains.drain_everything()
    end, errors = threading.Event(), list[BaseException]()
    threads = [threading.Thread(target=work, args=(services, end, errors)) for services in workers]
    for thread in threads:
        thread.start()
    history = Workload(SEED)
    sent = [history.next() for _ in range(DELIVERIES)]
    history.close()
    try:
        for number, delivery in enumerate(sent):
            assert receive([receiver, *workers][number % 3], delivery) is Receipt.STORED
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert errors == []
    check(receiver.engine, oracle=oracle, sent=sent, acknowledged=[delivery.id for delivery in sent])
    assert {row.attempts for row in stored(receiver.engine).values()} == {1}
    for services in (receiver, *workers):
        close(services)


@dataclass(slots=True)
class SteppedServices:
    """Services on SQLite with a clock that the test steps; normally SQLite uses the machine's clock."""

    services: Services
    ahead: timedelta = field(default=timedelta(0))

    def __post_init__(self) -> None:
        self.services.engine.dispose()
        sa.event.listen(self.services.engine, "connect", self._set_clock)

    def receive(self, delivery: SignedDelivery) -> None:
        """Receive a delivery."""
        assert receive(self.services, delivery) is Receipt.STORED

    def lose_worker(self) -> int:
        """Claim due deliveries as a worker that then crashes; return their number."""
        return len(due.claim(self.services.engine, tables.delivery, limit=5))

    def step(self, seconds: timedelta) -> None:
        """Step the clock, and let the scheduler repair due times."""
        self.ahead += seconds
        scheduler.repair_clock_skew(self.services)

    def waiting(self) -> int:
        """Return the number of waiting deliveries."""
        return sum(row.due_at is not None for row in stored(self.services.engine).values())

    def _set_clock(self, connection: DBAPIConnection, _: object) -> None:
        def julianday(_: str) -> float:
            return time.time() / 86400 + 2440587.5 + self.ahead / DAY

        connection.create_function("julianday", 1, julianday)


@pytest.fixture
def stepped(sqlite: SqliteDatabases, tmp_path: Path) -> Iterator[SteppedServices]:
    """Yield these services with the OKRs applied."""
    made = SteppedServices(build_services(sqlite.prepared(prepare), tmp_path, clock=utc_now))
    furnish(made.services)
    made.services.drains.drain_everything()
    yield made
    close(made.services)
    sqlite.drop()


@pytest.fixture
def deliveries() -> list[SignedDelivery]:
    """Return the first deliveries of a workload."""
    history = Workload(SEED)
    found = [history.next() for _ in range(DELIVERIES)]
    history.close()
    return found


def test_a_step_back_delays_only_the_rows_of_a_crashed_worker_by_minutes(
    stepped: SteppedServices, deliveries: list[SignedDelivery], new_oracle: Callable[[], Services]
) -> None:
    """The step is a day. Stored deliveries without a try and later ones are due at once."""
    for delivery in deliveries[:10]:
        stepped.receive(delivery)
    held = stepped.lose_worker()
    stepped.step(-DAY)
    stepped.receive(deliveries[10])
    stepped.services.drains.drain_everything()
    assert stepped.waiting() == held == 5
    stepped.step(due.LONGEST_LEASE)
    stepped.services.drains.drain_everything()
    assert stepped.waiting() == 0
    acknowledged = [delivery.id for delivery in deliveries[:11]]
    check(stepped.services.engine, oracle=new_oracle(), sent=deliveries, acknowledged=acknowledged)


def test_steps_forward_and_back_during_a_lease_apply_nothing_twice(
    stepped: SteppedServices, deliveries: list[SignedDelivery], oracle: Services
) -> None:
    """The lease ends early, another worker applies the rows, and the first one may not settle them."""
    for delivery in deliveries[:10]:
        stepped.receive(delivery)
    held = due.claim(stepped.services.engine, tables.delivery, limit=10)
    stepped.step(HOUR)
    stepped.services.drains.drain_everything()
    assert stepped.waiting() == 0
    with pytest.raises(due.LeaseLost), writing(stepped.services.engine) as tx:
        due.settle(tx, tables.delivery, held, [{"outcome": "late"}] * len(held))
    stepped.step(-HOUR)
    stepped.receive(deliveries[10])
    stepped.services.drains.drain_everything()
    check(
        stepped.services.engine,
        oracle=oracle,
        sent=deliveries,
        acknowledged=[delivery.id for delivery in deliveries[:11]],
    )


def test_random_clock_steps_and_crashes_do_not_change_the_result(
    stepped: SteppedServices, deliveries: list[SignedDelivery], oracle: Services
) -> None:
    """The clock steps by up to a month; when it is right again, all is applied after the longest lease."""
    chance = random.Random(SEED)  # noqa: S311 - a seed makes it repeatable
    for number in range(STEPS):
        for delivery in deliveries[number * DELIVERIES // STEPS : (number + 1) * DELIVERIES // STEPS]:
            stepped.receive(delivery)
        if chance.random() < 0.5:
            stepped.lose_worker()
        if chance.random() < 0.5:
            stepped.services.drains.drain_everything()
        stepped.step(chance.choice([-1, 1]) * chance.choice([timedelta(seconds=30), HOUR, 30 * DAY]))
    stepped.step(-stepped.ahead)
    stepped.step(due.LONGEST_LEASE + timedelta(seconds=5))
    stepped.services.drains.drain_everything()
    check(
        stepped.services.engine, oracle=oracle, sent=deliveries, acknowledged=[delivery.id for delivery in deliveries]
    )


def close(services: Services) -> None:
    """Close the connections of the services."""
    services.engine.dispose()
    services.redis.close()
