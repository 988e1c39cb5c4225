"""A removed connection: nothing of it counts from the first moment on, and its rows are deleted batch by batch."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.state import read_state
from sync_service.domain.trackers.observations import Term
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import DatabaseNow, reading, writing
from sync_service.store.queue import batched_deletes
from sync_service.store.trackers import connection_removal
from tests.faults.oracle_check import furnish
from tests.flows.issue_factory import CHECKOUT_LABEL, done
from tests.flows.test_siblings import Siblings, okrs
from tests.support.written_rows import Killed, rows_per_transaction

ISSUES, BATCH = 7, 2
OKR_LABEL = Term("78", "okr:KR-1")
WITHOUT_OLD = b"".join(
    line for line in okrs(old="acme/checkout", new="acme/other").splitlines(keepends=True) if b"old" not in line
).replace(b"rules:\n", b"")
LINK = "links:\n  - {key_result: KR-1, issue: 'old:acme/checkout#1', weight: 3}\n"


@pytest.fixture
def removing(services: Services, monkeypatch: pytest.MonkeyPatch) -> Siblings:
    """Return services where seven issues of the connection `old` count, by a rule, a label and by hand."""
    monkeypatch.setattr(batched_deletes, "BATCH", BATCH)
    made = Siblings(services)
    made.apply(okrs(old="acme/checkout", new="acme/other", more=LINK))
    made.drain()
    made.receive("old", *(done(number, 0, labels=[CHECKOUT_LABEL, OKR_LABEL]) for number in range(1, ISSUES + 1)))
    with writing(services.engine) as tx:
        row: dict[str, Any] = {"headers": {}, "body": b"{}", "received_at": DatabaseNow(), "settled_at": DatabaseNow()}
        old = tx.scalars(sa.select(tables.connection.c.id).where(tables.connection.c.slug == "old")).one()
        for number in range(5):
            tx.execute(sa.insert(tables.delivery).values(row | {"connection_id": old, "delivery_id": f"d{number}"}))
    assert made.value() == ISSUES
    return made


def remove(removing: Siblings) -> None:
    """Remove the connection, as `apply --prune` does, and drain."""
    furnish(removing.services, WITHOUT_OLD, prune=True)
    removing.services.connections.clear_cache()
    removing.drain()


def assert_nothing_shows(removing: Siblings) -> None:
    """No number, page or file knows the connection."""
    assert removing.value() in (None, 0)
    assert removing.why_not() == []
    assert removing.services.connections.named("old") is None
    with reading(removing.services.engine) as tx:
        assert [one["slug"] for one in export_state(read_state(tx, removing.services.sealer))["connections"]] == ["new"]


@pytest.mark.both_databases
def test_nothing_of_a_connection_counts_while_its_rows_are_deleted(removing: Siblings) -> None:
    """After the first transaction, and after each kill between two batches."""
    remove(removing)
    assert len(removing.rows(tables.issue)) == ISSUES
    assert_nothing_shows(removing)
    for _ in range(3):
        with pytest.raises(Killed), rows_per_transaction(removing.services.engine, kill_after=2):
            connection_removal.delete_batches(removing.services.engine)
        removing.drain()
        assert_nothing_shows(removing)
    connection_removal.delete_batches(removing.services.engine)
    assert [row.slug for row in removing.rows(tables.connection)] == ["new"]
    assert removing.rows(tables.issue) == removing.rows(tables.link) == removing.rows(tables.delivery) == []
    assert_nothing_shows(removing)


@pytest.mark.both_databases
def test_the_rows_of_a_connection_are_deleted_in_bounded_transactions(removing: Siblings) -> None:
    """What refers to an issue goes with it."""
    remove(removing)
    with rows_per_transaction(removing.services.engine) as counts:
        assert not connection_removal.delete_batches(removing.services.engine)
    assert max(counts) == BATCH
    assert len(counts) > ISSUES // BATCH


def test_a_beat_deletes_some_rows_and_the_next_one_goes_on(removing: Siblings) -> None:
    """It has other work too."""
    remove(removing)
    beats = 1
    while connection_removal.delete_batches(removing.services.engine, batches=2):
        beats += 1
    assert beats > ISSUES // (2 * BATCH)
    assert [row.slug for row in removing.rows(tables.connection)] == ["new"]


@pytest.mark.both_databases
def test_a_name_is_free_again_while_what_had_it_is_deleted(removing: Siblings) -> None:
    """The new connection knows nothing of the old one's issues."""
    remove(removing)
    removing.apply(okrs(old="acme/checkout", new="acme/other"))
    removing.drain()
    assert removing.value() in (None, 0)
    connection_removal.delete_batches(removing.services.engine)
    assert sorted(row.slug for row in removing.rows(tables.connection)) == ["new", "old"]
    removing.receive("old", done(1, 5))
    assert removing.value() == 1
