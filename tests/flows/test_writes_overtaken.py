"""Writes, with a tracker of paper, that are overtaken: by deaths, lost leases, and what is asked for meanwhile."""

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


def test_what_is_asked_for_during_a_write_is_written_after_it(write_back: FakeWriteBackHarness) -> None:
    """Though the write that was under way did not know."""
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


def test_a_write_whose_lease_was_lost_is_left_to_whoever_has_it(write_back: FakeWriteBackHarness) -> None:
    """It notes nothing."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))

    def lose() -> None:
        with writing(write_back.core.engine) as tx:
            tx.execute(sa.update(tables.write_back).values(lease="another's"))

    write_back.tracker.before = lose
    write_back.write_now()
    assert (write_back.row().lease, write_back.row().memory) == ("another's", None)


def test_what_is_asked_for_while_a_row_is_given_a_time_is_not_put_off_to_it(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may be hours away, where many only stand otherwise."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    write_back.rename("Sent")
    with writing(write_back.core.engine) as tx:
        write_backs.request(tx, [NoteRequest(write_back.core.connection_id, "501#1", "acme/checkout#1")], urgent=False)
        tx.execute(sa.delete(tables.rate_limit))
        for _ in range(500):
            write_slots.reserve_slot(tx, write_back.core.connection_id, "pen/writes", write_slots.BACKGROUND)
        tx.execute(sa.update(tables.write_back).values(due_at=database_now(tx)))
    writing_part = FakeWriteBackTracker.write_bucket

    def link_more(tracker: FakeWriteBackTracker, connection: Connection, *, about: str) -> str:
        monkeypatch.setattr(FakeWriteBackTracker, "write_bucket", writing_part)
        write_back.core.post(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
        write_back.core.drains.drain("delivery")
        return writing_part(tracker, connection, about=about)

    monkeypatch.setattr(FakeWriteBackTracker, "write_bucket", link_more)
    write_back.core.drains.by_table["write_back"]()
    with writing(write_back.core.engine) as tx:
        assert write_back.row().due_at - database_now(tx) <= due.SETTLING
    assert (write_back.row().slot_at, write_back.row().urgent) == (None, True)


class Death(BaseException):
    """Ends a worker where it stands."""


def test_what_a_dead_worker_wrote_is_put_right_though_it_is_what_was_said_before(
    write_back: FakeWriteBackHarness,
) -> None:
    """What it wrote was never noted, so the row knows only of what was said before it."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    write_back.core.receive_and_drain(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))

    def die() -> None:
        write_back.tracker.notes["501#1"] = Note((*write_back.tracker.notes["501#1"].key_results,) * 2)
        raise Death

    write_back.tracker.before = die
    with pytest.raises(Death):
        write_back.write_now()
    write_back.tracker.before = None
    assert write_back.noted_key_results() == ["KR-1", "KR-1"]
    write_back.core.receive_and_drain(snapshot(2, labels=["okr:KR-1"]))
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]


@pytest.mark.parametrize(
    ("error", "buried"), [(Unavailable("it took too long"), False), (Gone("it shows nothing", proven=False), True)]
)
def test_a_write_that_landed_unheard_is_taken_away_where_the_issue_serves_nothing_any_more(
    write_back: FakeWriteBackHarness, error: ConnectorError, *, buried: bool
) -> None:
    """Whether its row still waits to try again, or was put aside; and only once."""
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
def test_what_is_asked_for_while_a_row_is_settled_without_a_write_is_not_lost(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The links that its end was decided from are others by then."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.core.receive_and_drain(snapshot(1, labels=[]))
    settle = CallPolicy.settle

    def settle_late(asking: CallPolicy, row: Row[Any], outcome: str) -> None:
        monkeypatch.setattr(CallPolicy, "settle", settle)
        write_back.core.post(snapshot(2, labels=["okr:KR-2"]))
        write_back.core.drains.drain("delivery")
        asking.settle(row, outcome)

    monkeypatch.setattr(CallPolicy, "settle", settle_late)
    write_back.write_now()
    assert (write_back.row().settled_at, write_back.row().lease) == (None, None)
    assert write_back.row().due_at is not None
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-2"]
    assert write_back.row().due_at is None


@pytest.mark.both_databases
@pytest.mark.parametrize(("error", "tries"), [(Gone("it is locked", proven=False), 1), (RuntimeError("a bug"), 8)])
def test_what_is_asked_for_while_a_row_is_put_aside_is_not_lost(
    write_back: FakeWriteBackHarness, error: Exception, tries: int
) -> None:
    """It is tried again, and is put aside only when nobody asked anew."""
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


def test_what_is_replayed_is_written_though_its_row_says_so_already(write_back: FakeWriteBackHarness) -> None:
    """A write that failed may have landed in part, whatever the row knows of."""
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
