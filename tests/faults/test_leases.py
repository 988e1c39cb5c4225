"""Two leases on one row: whoever lost his may neither settle, postpone nor bury, and his neighbours do not suffer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from sync_service.domain.trackers.connector import Connection, Rejected, WebhookRequest
from sync_service.domain.trackers.observations import ParsedDelivery, State
from sync_service.store import tables
from sync_service.store.engine import database
from sync_service.store.engine.database import open_database
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
    """A paper tracker during whose reading something else happens, once."""

    meanwhile: Callable[[], None] | None = None

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Read, after what happens meanwhile."""
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
    """Let the lease end and another worker claim the same rows, and stall."""
    end_leases(core.engine)
    assert due.claim(core.engine, tables.delivery, limit=10)


def test_a_worker_that_lost_its_lease_applies_nothing(core: CoreHarness, tracker: SlowTracker) -> None:
    """Another worker has the row: the first rolls back, and the second one's work is the only one."""
    core.post(snapshot(1, state=State.DONE, closed_at=at(1)))
    tracker.meanwhile = lambda: lose_the_lease(core)
    assert core.applier.drain() == 1
    assert core.rows(tables.history) == []
    end_leases(core.engine)
    core.drain()
    assert [row.to for row in core.rows(tables.history)] == [100]


def test_a_worker_that_lost_its_lease_after_another_has_settled_applies_nothing_again(
    core: CoreHarness, tracker: SlowTracker
) -> None:
    """The other worker was done before the first woke up."""
    core.post(snapshot(1, state=State.DONE, closed_at=at(1)))

    def settle_elsewhere() -> None:
        end_leases(core.engine)
        core.drain()

    tracker.meanwhile = settle_elsewhere
    core.drain()
    (entry,) = core.rows(tables.history)
    assert (entry.to, len(entry.causes)) == (100, 1)
    (row,) = core.rows(tables.delivery)
    assert row.attempts == 2
    assert row.outcome.startswith("acme/checkout#1: applied")


@pytest.mark.parametrize("error", [Rejected("torn"), ZeroDivisionError("a bug")], ids=["unreadable", "a bug"])
def test_a_failing_row_whose_lease_is_lost_is_left_to_its_new_holder(
    core: CoreHarness, tracker: SlowTracker, error: Exception
) -> None:
    """It is neither buried nor postponed under the new holder's hands, and the rows beside it are still applied."""
    core.post(error)
    tracker.meanwhile = lambda: lose_the_lease(core)
    core.applier.drain()
    (row,) = core.rows(tables.delivery)
    assert (row.buried_at, row.outcome, row.lease is not None) == (None, "", True)


@pytest.mark.slow
def test_locks_of_a_worker_that_stalls_in_a_transaction_are_taken_from_it(
    postgres: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends the transaction of who stands still for longer than a lease; the others wait no longer."""
    core = open_core_harness(postgres.prepared(prepare))
    core.rule("all", core.key_result(), {"field": "kind", "is": "issue"})
    core.receive_and_drain(snapshot(1))
    stalled = open_world_again(core)
    monkeypatch.setattr(database, "STALL_SECONDS", 1.0)
    with stalled.connect() as tx:
        issues.lock(tx, {(core.connection_id, "501#1"): None})
        core.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(2)))
        assert core.value() == 100
        with pytest.raises(DBAPIError):
            issues.lock(tx, {(core.connection_id, "501#1"): None})
    for engine in (core.engine, stalled):
        engine.dispose()
    postgres.drop()


def open_world_again(core: CoreHarness) -> Engine:
    """Open the world's database as another process does."""
    return open_database(core.engine.url.render_as_string(hide_password=False))
