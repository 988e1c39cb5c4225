"""Rounds that compare notes with key results and request outdated ones, with a fake tracker."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import State
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.jobs import write_backs
from sync_service.store.queue import due
from tests.domain.factories import at, snapshot
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness
from tests.support.fake_tracker import bump_rules

OTHER = {"identity": "501#2", "key": "acme/checkout#2"}


def test_a_round_finds_outdated_notes(write_back: FakeWriteBackHarness) -> None:
    """A key result was removed or renamed; notes that are up to date are not made due."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]), snapshot(0, labels=["okr:KR-2"], **OTHER))
    write_back.write_now()
    write_back.write_now()
    with writing(write_back.core.engine) as tx:
        write_backs.switch_on(tx, write_back.core.connection_id)
        tx.execute(sa.delete(tables.key_result).where(tables.key_result.c.slug == "KR-2"))
        bump_rules(tx)
    write_back.core.drain()
    write_back.write_now()
    assert [row.due_at is not None for row in write_back.core.rows(tables.write_back)] == [False, False]
    assert list(write_back.tracker.notes) == ["501#1"]
    (round_,) = write_back.core.rows(tables.write_back_round)
    assert (round_.outcome, round_.cursor) == ("all were compared", 0)
    write_back.rename("Sent")
    write_back.core.make_due(tables.write_back_round)
    write_back.core.drain()
    with writing(write_back.core.engine) as tx:
        wait = write_back.row().due_at - database_now(tx)
    assert timedelta(minutes=55) < wait <= timedelta(hours=1)


def test_more_issues_are_rewritten_less_often(write_back: FakeWriteBackHarness) -> None:
    """Else issues without a note would wait for ever behind issues with new progress."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    with writing(write_back.core.engine) as tx:
        others = [
            write_backs.NoteRequest(write_back.core.connection_id, f"9#{number}", f"x#{number}")
            for number in range(399)
        ]
        write_backs.request(tx, others, urgent=False)
        assert write_backs.rewrite_interval(tx, write_back.core.connection_id) == timedelta(hours=2.5)
        write_backs.switch_on(tx, write_back.core.connection_id)
    write_back.rename("Sent")
    write_back.core.drains.drain("write_back_round")
    with writing(write_back.core.engine) as tx:
        wait = write_back.row().due_at - database_now(tx)
    assert timedelta(hours=2.4) < wait <= timedelta(hours=2.5)


def test_a_buried_row_is_retried_after_a_day(write_back: FakeWriteBackHarness) -> None:
    """The error may come from a proxy in front of the tracker, or from the issue itself."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.tracker.before = Rejected("it answers with something that can't be read")
    write_back.write_now()
    assert write_back.row().buried_at is not None
    write_back.tracker.before = None
    for ago, written in ((timedelta(hours=23), False), (timedelta(hours=25), True)):
        with writing(write_back.core.engine) as tx:
            buried = database_now(tx) - ago
            tx.execute(sa.update(tables.write_back).values(buried_at=buried))
            write_backs.switch_on(tx, write_back.core.connection_id)
        write_back.core.drain()
        write_back.write_now()
        assert ("501#1" in write_back.tracker.notes) == written


def test_a_round_runs_in_chunks_and_ends_when_write_back_is_off(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks limit the work for many issues."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 2)
    numbers = range(1, 6)
    identities = [{"identity": f"501#{number}", "key": f"acme/checkout#{number}"} for number in numbers]
    write_back.core.receive_and_drain(*(snapshot(0, labels=["okr:KR-1"], **identity) for identity in identities))
    with writing(write_back.core.engine) as tx:
        tx.execute(sa.delete(tables.write_back))
        write_backs.switch_on(tx, write_back.core.connection_id)
    write_back.core.drain()
    assert len(write_back.core.rows(tables.write_back)) == len(numbers)
    with writing(write_back.core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(write_back=False))
    write_back.core.make_due(tables.write_back_round)
    write_back.core.drain()
    (round_,) = write_back.core.rows(tables.write_back_round)
    assert (round_.outcome, round_.due_at) == ("write-back is switched off", None)


def test_a_changed_value_makes_the_round_due_soon(write_back: FakeWriteBackHarness) -> None:
    """It runs in five minutes, not in an hour."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(write_back.core.engine) as tx:
        write_backs.switch_on(tx, write_back.core.connection_id)
    write_back.core.drain()
    write_back.core.receive_and_drain(snapshot(1, labels=["okr:KR-1"], state=State.DONE, closed_at=at(1)))
    (round_,) = write_back.core.rows(tables.write_back_round)
    with writing(write_back.core.engine) as tx:
        assert round_.due_at - database_now(tx) <= write_backs.ROUND


@pytest.mark.parametrize("moment", ["leased", "between chunks"])
def test_a_round_requested_during_a_round_runs_soon_after_it(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The running round may have passed the changed issue. The round after the next waits an hour again."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 1)
    core = write_back.core
    core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(core.engine) as tx:
        write_backs.switch_on(tx, core.connection_id)
    if moment == "leased":
        due.claim(core.engine, tables.write_back_round, limit=1)
    else:
        core.drains.by_table["write_back_round"]()
        assert core.rows(tables.write_back_round)[0].cursor > 0
    with writing(core.engine) as tx:
        write_backs.wake(tx, [core.connection_id])
    for most in (write_backs.ROUND, write_backs.REWRITE_INTERVAL):
        core.make_due(tables.write_back_round)
        core.drain()
        (round_,) = core.rows(tables.write_back_round)
        assert (round_.outcome, round_.cursor) == ("all were compared", 0)
        with writing(core.engine) as tx:
            assert most - timedelta(minutes=2) < round_.due_at - database_now(tx) <= most
