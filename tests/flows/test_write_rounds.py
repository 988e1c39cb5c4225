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
from tests.flows.fake_write_back_tracker import Room
from tests.support.fake_tracker import bump_rules

OTHER = {"identity": "501#2", "key": "acme/checkout#2"}


def test_a_round_finds_what_nothing_made_due(room: Room) -> None:
    """A key result that was removed or renamed; what is said already is not made due."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]), snapshot(0, labels=["okr:KR-2"], **OTHER))
    room.hasten()
    room.hasten()
    with writing(room.world.engine) as tx:
        write_backs.switch_on(tx, room.world.connection_id)
        tx.execute(sa.delete(tables.key_result).where(tables.key_result.c.slug == "KR-2"))
        bump_rules(tx)
    room.world.drain()
    room.hasten()
    assert [row.due_at is not None for row in room.world.rows(tables.write_back)] == [False, False]
    assert list(room.wall.wall) == ["501#1"]
    (round_,) = room.world.rows(tables.write_round)
    assert (round_.outcome, round_.cursor) == ("all were compared", 0)
    room.rename("Sent")
    room.world.make_due(tables.write_round)
    room.world.drain()
    with writing(room.world.engine) as tx:
        wait = room.row().due_at - database_now(tx)
    assert timedelta(minutes=55) < wait <= timedelta(hours=1)


def test_the_more_issues_there_are_the_longer_each_says_the_same(room: Room) -> None:
    """Else those that have said nothing yet would wait behind those that only stand otherwise, for ever."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.hasten()
    with writing(room.world.engine) as tx:
        others = [write_backs.Ask(room.world.connection_id, f"9#{number}", f"x#{number}") for number in range(399)]
        write_backs.ask(tx, others, urgent=False)
        assert write_backs.standing_again(tx, room.world.connection_id) == timedelta(hours=2.5)
        write_backs.switch_on(tx, room.world.connection_id)
    room.rename("Sent")
    room.world.drains.drain("write_round")
    with writing(room.world.engine) as tx:
        wait = room.row().due_at - database_now(tx)
    assert timedelta(hours=2.4) < wait <= timedelta(hours=2.5)


def test_an_issue_that_was_put_aside_is_tried_again_after_a_day(room: Room) -> None:
    """It may have been the tracker, which answered with a proxy's page; not before, since it may be the issue."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = Rejected("it answers with something that can't be read")
    room.hasten()
    assert room.row().buried_at is not None
    room.wall.before = None
    for ago, said in ((timedelta(hours=23), False), (timedelta(hours=25), True)):
        with writing(room.world.engine) as tx:
            buried = database_now(tx) - ago
            tx.execute(sa.update(tables.write_back).values(buried_at=buried))
            write_backs.switch_on(tx, room.world.connection_id)
        room.world.drain()
        room.hasten()
        assert ("501#1" in room.wall.wall) == said


def test_a_round_goes_in_chunks_and_ends_where_the_switch_is_off(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many issues there are."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 2)
    numbers = range(1, 6)
    places = [{"identity": f"501#{number}", "key": f"acme/checkout#{number}"} for number in numbers]
    room.world.tell(*(snapshot(0, labels=["okr:KR-1"], **place) for place in places))
    with writing(room.world.engine) as tx:
        tx.execute(sa.delete(tables.write_back))
        write_backs.switch_on(tx, room.world.connection_id)
    room.world.drain()
    assert len(room.world.rows(tables.write_back)) == len(numbers)
    with writing(room.world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(write_back=False))
    room.world.make_due(tables.write_round)
    room.world.drain()
    (round_,) = room.world.rows(tables.write_round)
    assert (round_.outcome, round_.due_at) == ("write-back is switched off", None)


def test_a_moved_key_result_wakes_the_round(room: Room) -> None:
    """In five minutes, not in an hour."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    with writing(room.world.engine) as tx:
        write_backs.switch_on(tx, room.world.connection_id)
    room.world.drain()
    room.world.tell(snapshot(1, labels=["okr:KR-1"], state=State.DONE, closed_at=at(1)))
    (round_,) = room.world.rows(tables.write_round)
    with writing(room.world.engine) as tx:
        assert round_.due_at - database_now(tx) <= write_backs.ROUND


@pytest.mark.parametrize("moment", ["leased", "between chunks"])
def test_a_round_that_is_woken_while_it_is_under_way_is_followed_by_another_soon(
    room: Room, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It may be past what has changed. The one after that waits an hour again."""
    monkeypatch.setattr("sync_service.write_back.write_notes.CHUNK", 1)
    world = room.world
    world.tell(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        write_backs.switch_on(tx, world.connection_id)
    if moment == "leased":
        due.claim(world.engine, tables.write_round, limit=1)
    else:
        world.drains.by_table["write_round"]()
        assert world.rows(tables.write_round)[0].cursor > 0
    with writing(world.engine) as tx:
        write_backs.wake(tx, [world.connection_id])
    for most in (write_backs.ROUND, write_backs.STANDING_AGAIN):
        world.make_due(tables.write_round)
        world.drain()
        (round_,) = world.rows(tables.write_round)
        assert (round_.outcome, round_.cursor) == ("all were compared", 0)
        with writing(world.engine) as tx:
            assert most - timedelta(minutes=2) < round_.due_at - database_now(tx) <= most
