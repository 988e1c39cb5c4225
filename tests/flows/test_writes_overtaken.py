"""Writes to a fake tracker with a crash, a lost lease or a new request during the write."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.trackers.connector import Connection, ConnectorError, Gone, Unavailable
from sync_service.domain.trackers.write_back import Note
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.jobs import write_backs
from sync_service.store.jobs.write_backs import NoteRequest
from sync_service.store.queue import due, write_slots
from sync_service.tracker_sync.call_policy import CallPolicy
from tests.domain.factories import snapshot
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness, FakeWriteBackTracker


def test_a_request_during_a_write_is_written_after_it(write_back: FakeWriteBackHarness) -> None:
    """The running write does not know of it."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))

    def link_more() -> None:
        write_back.tracker.before = None
        write_back.core.post(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
        write_back.core.drains.drain("delivery")

    write_back.tracker.before = link_more
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]
    assert write_back.row().due_at is not None
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1", "KR-2"]
    assert write_back.tracker.writes == 2


def test_a_write_whose_lease_was_lost_stores_nothing(write_back: FakeWriteBackHarness) -> None:
    """The new holder of the lease stores the result."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))

    def lose_lease() -> None:
        with writing(write_back.core.engine) as tx:
            tx.execute(sa.update(tables.write_back).values(lease="another's"))

    write_back.tracker.before = lose_lease
    write_back.write_now()
    assert (write_back.row().lease, write_back.row().memory) == ("another's", None)


@pytest.mark.slow
def test_an_urgent_request_while_a_slot_is_reserved_is_not_delayed_to_the_slot(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slot may be hours away when many notes only have new progress."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    write_back.rename("Sent")
    with writing(write_back.core.engine) as tx:
        write_backs.request(tx, [NoteRequest(write_back.core.connection_id, "501#1", "acme/checkout#1")], urgent=False)
        tx.execute(sa.delete(tables.rate_limit))
        for _ in range(500):
            write_slots.reserve_slot(tx, write_back.core.connection_id, "pen/writes", write_slots.BACKGROUND)
        tx.execute(sa.update(tables.write_back).values(due_at=database_now(tx)))
    write_bucket = FakeWriteBackTracker.write_bucket

    def link_more(tracker: FakeWriteBackTracker, connection: Connection, *, about: str) -> str:
        monkeypatch.setattr(FakeWriteBackTracker, "write_bucket", write_bucket)
        write_back.core.post(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
        write_back.core.drains.drain("delivery")
        return write_bucket(tracker, connection, about=about)

    monkeypatch.setattr(FakeWriteBackTracker, "write_bucket", link_more)
    write_back.core.drains.by_table["write_back"]()
    with writing(write_back.core.engine) as tx:
        assert write_back.row().due_at - database_now(tx) <= due.SETTLING
    assert (write_back.row().slot_at, write_back.row().urgent) == (None, True)


class WorkerCrash(BaseException):
    """Simulated crash of a worker."""


def test_a_note_of_a_crashed_worker_is_corrected_to_the_note_before_it(
    write_back: FakeWriteBackHarness,
) -> None:
    """The crashed write was never stored, so the row knows only the note before it."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    write_back.core.receive_and_drain(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))

    def die() -> None:
        write_back.tracker.notes["501#1"] = Note((*write_back.tracker.notes["501#1"].key_results,) * 2)
        raise WorkerCrash

    write_back.tracker.before = die
    with pytest.raises(WorkerCrash):
        write_back.write_now()
    write_back.tracker.before = None
    assert write_back.noted_key_results() == ["KR-1", "KR-1"]
    write_back.core.receive_and_drain(snapshot(2, labels=["okr:KR-1"]))
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]


@pytest.mark.parametrize(
    ("error", "buried"), [(Unavailable("it took too long"), False), (Gone("it shows nothing", proven=False), True)]
)
def test_a_note_written_without_a_response_is_removed_from_an_unlinked_issue(
    write_back: FakeWriteBackHarness, error: ConnectorError, *, buried: bool
) -> None:
    """The row may still wait for a retry or be buried; the note is removed once."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))

    def land() -> None:
        write_back.tracker.notes["501#1"] = Note(())
        raise error

    write_back.tracker.before = land
    write_back.write_now()
    assert (write_back.row().buried_at is not None) == buried
    write_back.tracker.before = None
    write_back.core.receive_and_drain(snapshot(1, labels=[]))
    write_back.write_now()
    assert write_back.tracker.notes == {}
    assert write_back.row().outcome == "the issue no longer serves a key result"
    assert write_back.row().settled_at is not None


@pytest.mark.both_databases
def test_a_request_while_a_row_settles_without_a_write_is_not_lost(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The links have changed since the decision to settle."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.core.receive_and_drain(snapshot(1, labels=[]))
    settle = CallPolicy.settle

    def settle_late(policy: CallPolicy, row: Row[Any], outcome: str) -> None:
        monkeypatch.setattr(CallPolicy, "settle", settle)
        write_back.core.post(snapshot(2, labels=["okr:KR-2"]))
        write_back.core.drains.drain("delivery")
        policy.settle(row, outcome)

    monkeypatch.setattr(CallPolicy, "settle", settle_late)
    write_back.write_now()
    assert (write_back.row().settled_at, write_back.row().lease) == (None, None)
    assert write_back.row().due_at is not None
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-2"]
    assert write_back.row().due_at is None


@pytest.mark.both_databases
@pytest.mark.parametrize(("error", "tries"), [(Gone("it is locked", proven=False), 1), (RuntimeError("a bug"), 8)])
def test_a_request_while_a_row_is_buried_is_not_lost(
    write_back: FakeWriteBackHarness, error: Exception, tries: int
) -> None:
    """The row is retried, and buried only without a new request."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))

    def change_and_fail() -> None:
        if write_back.tracker.writes == tries:
            write_back.core.post(snapshot(1, labels=["okr:KR-2"]))
            write_back.core.drains.drain("delivery")
        raise error

    write_back.tracker.before = change_and_fail
    for _ in range(tries):
        write_back.write_now()
    assert (write_back.row().buried_at, write_back.row().lease) == (None, None)
    assert write_back.row().due_at is not None
    write_back.tracker.before = None
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-2"]
    assert write_back.row().due_at is None


def test_a_replayed_row_is_written_even_when_its_digest_is_unchanged(write_back: FakeWriteBackHarness) -> None:
    """A failed write may have reached the tracker in part."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    write_back.core.receive_and_drain(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))

    def land() -> None:
        write_back.tracker.notes["501#1"] = Note(())
        raise Gone("it shows nothing", proven=False)

    write_back.tracker.before = land
    write_back.write_now()
    write_back.tracker.before = None
    write_back.core.receive_and_drain(snapshot(2, labels=["okr:KR-1"]))
    with writing(write_back.core.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(buried_at=database_now(tx), due_at=None, lease=None))
        assert due.replay(tx, tables.write_back, tables.write_back.c.buried_at.isnot(None)) == 1
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]
