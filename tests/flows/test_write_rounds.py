"""Rounds that compare what issues say with what they serve, with a tracker of paper."""

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


def test_a_round_finds_what_nothing_made_due(room: FakeWriteBackHarness) -> None:
    """A key result that was removed or renamed; what is said already is not made due."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]), snapshot(0, labels=["okr:KR-2"], **OTHER))
    room.write_now()
    room.write_now()
    with writing(room.world.engine) as tx:
        write_backs.switch_on(tx, room.world.connection_id)
        tx.execute(sa.delete(tables.key_result).where(tables.key_result.c.slug == "KR-2"))
        bump_rules(tx)
    room.world.drain()
    room.write_now()
    assert [row.due_at is not None for row in room.world.rows(tables.write_back)] == [False, False]
    assert list(room.wall.notes) == ["501#1"]
    (round_,) = room.world.rows(tables.write_back_round)
    assert (round_.outcome, round_.cursor) == ("all were compared", 0)
    room.rename("Sent")
    room.world.make_due(tables.write_back_round)
    room.world.drain()
    with writing(room.world.engine) as tx:
        wait = room.row().due_at - database_now(tx)
    assert timedelta(minutes=55) < wait <= timedelta(hours=1)


def test_the_more_issues_there_are_the_longer_each_says_the_same(room: FakeWriteBackHarness) -> None:
    """Else those that have said nothing yet would wait behind those that only stand otherwise, for ever."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.write_now()
    with writing(room.world.engine) as tx:
        others = [
            write_backs.NoteRequest(room.world.connection_id, f"9#{number}", f"x#{number}") for number in range(399)
        ]
        write_backs.request(tx, others, urgent=False)
        assert write_backs.rewrite_interval(tx, room.world.connection_id) == timedelta(hours=2.5)
        write_backs.switch_on(tx, room.world.connection_id)
    room.rename("Sent")
    room.world.drains.drain("write_back_round")
    with writing(room.world.engine) as tx:
        wait = room.row().due_at - database_now(tx)
    assert timedelta(hours=2.4) < wait <= timedelta(hours=2.5)


def test_an_issue_that_was_put_aside_is_tried_again_after_a_day(room: FakeWriteBackHarness) -> None:
    """It may have been the tracker, which answered with a proxy's page; not before, since it may be the issue."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = Rejected("it answers with something that can't be read")
    room.write_now()
    assert room.row().buried_at is not None
    room.wall.before = None
    for ago, said in ((timedelta(hours=23), False), (timedelta(hours=25), True)):
        with writing(room.world.engine) as tx:
            buried = database_now(tx) - ago
            tx.execute(sa.update(tables.write_back).values(buried_at=buried))
            write_backs.switch_on(tx, room.world.connection_id)
        room.world.drain()
        room.write_now()
        assert ("501#1" in room.wall.notes) == said


def test_a_round_goes_in_chunks_and_ends_where_the_switch_is_off(
    room: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many issues there are."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 2)
    numbers = range(1, 6)
    places = [{"identity": f"501#{number}", "key": f"acme/checkout#{number}"} for number in numbers]
    room.world.receive_and_drain(*(snapshot(0, labels=["okr:KR-1"], **place) for place in places))
    with writing(room.world.engine) as tx:
        tx.execute(sa.delete(tables.write_back))
        write_backs.switch_on(tx, room.world.connection_id)
    room.world.drain()
    assert len(room.world.rows(tables.write_back)) == len(numbers)
    with writing(room.world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(write_back=False))
    room.world.make_due(tables.write_back_round)
    room.world.drain()
    (round_,) = room.world.rows(tables.write_back_round)
    assert (round_.outcome, round_.due_at) == ("write-back is switched off", None)


def test_a_moved_key_result_wakes_the_round(room: FakeWriteBackHarness) -> None:
    """In five minutes, not in an hour."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(room.world.engine) as tx:
        write_backs.switch_on(tx, room.world.connection_id)
    room.world.drain()
    room.world.receive_and_drain(snapshot(1, labels=["okr:KR-1"], state=State.DONE, closed_at=at(1)))
    (round_,) = room.world.rows(tables.write_back_round)
    with writing(room.world.engine) as tx:
        assert round_.due_at - database_now(tx) <= write_backs.ROUND


@pytest.mark.parametrize("moment", ["leased", "between chunks"])
def test_a_round_that_is_woken_while_it_is_under_way_is_followed_by_another_soon(
    room: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It may be past what has changed. The one after that waits an hour again."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 1)
    world = room.world
    world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        write_backs.switch_on(tx, world.connection_id)
    if moment == "leased":
        due.claim(world.engine, tables.write_back_round, limit=1)
    else:
        world.drains.by_table["write_back_round"]()
        assert world.rows(tables.write_back_round)[0].cursor > 0
    with writing(world.engine) as tx:
        write_backs.wake(tx, [world.connection_id])
    for most in (write_backs.ROUND, write_backs.REWRITE_INTERVAL):
        world.make_due(tables.write_back_round)
        world.drain()
        (round_,) = world.rows(tables.write_back_round)
        assert (round_.outcome, round_.cursor) == ("all were compared", 0)
        with writing(world.engine) as tx:
            assert most - timedelta(minutes=2) < round_.due_at - database_now(tx) <= most
