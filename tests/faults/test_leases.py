"""Two leases on one row: the worker that lost its lease may not settle, postpone or bury; other rows are applied."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from sync_service.domain.trackers.connector import Connection, Rejected, WebhookRequest
from sync_service.domain.trackers.observations import ParsedDelivery, State
from sync_service.store import tables
from sync_service.store.engine import postgresql
from sync_service.store.engine.database import open_database
from sync_service.store.okrs.history import is_shown
from sync_service.store.queue import due
from sync_service.store.trackers import issues
from tests.domain.factories import at, snapshot
from tests.faults.nemesis import end_leases
from tests.support.fake_tracker import CoreHarness, FakeTracker, open_core_harness
from tests.support.migrated_database import prepare
from tests.support.servers import PostgresDatabases

pytestmark = pytest.mark.both_databases


@dataclass(slots=True)
class SlowTracker(FakeTracker):
    """A fake tracker that calls `meanwhile` once while it parses a delivery."""

    meanwhile: Callable[[], None] | None = None

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Call `meanwhile`, then parse."""
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        # The fields of a slotted class are the base's; super() can't find them through the decorator.
        return FakeTracker.parse_delivery(self, post, connection)


@pytest.fixture
def tracker() -> SlowTracker:
    """Return the tracker of the harness."""
    return SlowTracker()


@pytest.fixture
def core(migrated_url: str, tracker: SlowTracker) -> Iterator[CoreHarness]:
    """Yield a harness in which every issue counts toward KR-1."""
    opened = open_core_harness(migrated_url, tracker=tracker)
    opened.rule("all", opened.key_result(), {"field": "kind", "is": "issue"})
    yield opened
    opened.engine.dispose()


def lose_the_lease(core: CoreHarness) -> None:
    """End the lease, and claim the same rows as another worker that then stalls."""
    end_leases(core.engine)
    assert due.claim(core.engine, tables.delivery, limit=10)


def test_a_worker_that_lost_its_lease_applies_nothing(core: CoreHarness, tracker: SlowTracker) -> None:
    """Another worker has the row: the first rolls back, and only the second one applies."""
    core.post(snapshot(1, state=State.DONE, closed_at=at(1)))
    tracker.meanwhile = lambda: lose_the_lease(core)
    assert core.applier.drain() == 1
    assert core.rows(tables.history, is_shown) == []
    end_leases(core.engine)
    core.drain()
    assert [row.to for row in core.rows(tables.history, is_shown)] == [100]


def test_a_worker_that_lost_its_lease_to_a_settled_row_applies_nothing(core: CoreHarness, tracker: SlowTracker) -> None:
    """The other worker settled the row before the first one continued."""
    core.post(snapshot(1, state=State.DONE, closed_at=at(1)))

    def settle_elsewhere() -> None:
        end_leases(core.engine)
        core.drain()

    tracker.meanwhile = settle_elsewhere
    core.drain()
    (entry,) = core.rows(tables.history, is_shown)
    assert (entry.to, len(entry.causes)) == (100, 1)
    (row,) = core.rows(tables.delivery)
    assert row.attempts == 2
    assert row.outcome.startswith("acme/checkout#1: applied")


@pytest.mark.parametrize("error", [Rejected("torn"), ZeroDivisionError("a bug")], ids=["unreadable", "a bug"])
def test_a_failing_row_whose_lease_is_lost_is_left_to_its_new_holder(
    core: CoreHarness, tracker: SlowTracker, error: Exception
) -> None:
    """The worker that lost the lease neither buries nor postpones it."""
    core.post(error)
    tracker.meanwhile = lambda: lose_the_lease(core)
    core.applier.drain()
    (row,) = core.rows(tables.delivery)
    assert (row.buried_at, row.outcome, row.lease is not None) == (None, "", True)


@pytest.mark.slow
def test_a_stalled_transaction_loses_its_locks(postgres: PostgresDatabases, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends a transaction that is idle for longer than a lease, so others stop waiting."""
    core = open_core_harness(postgres.prepared(prepare))
    core.rule("all", core.key_result(), {"field": "kind", "is": "issue"})
    core.receive_and_drain(snapshot(1))
    stalled = open_second_engine(core)
    monkeypatch.setattr(postgresql, "STALL_SECONDS", 1.0)
    with stalled.connect() as tx:
        issues.lock(tx, {(core.connection_id, "501#1"): None})
        core.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(2)))
        assert core.value() == 100
        with pytest.raises(DBAPIError):
            issues.lock(tx, {(core.connection_id, "501#1"): None})
    for engine in (core.engine, stalled):
        engine.dispose()
    postgres.drop()


def open_second_engine(core: CoreHarness) -> Engine:
    """Open the harness's database as another process does."""
    return open_database(core.engine.url.render_as_string(hide_password=False))
