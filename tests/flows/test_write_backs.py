"""What is due to be said on issues, with a tracker of paper: what is written, what waits, and what is put aside."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import Gone, Refused, Unavailable
from sync_service.domain.trackers.observations import Tombstone
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.jobs import write_backs
from sync_service.store.jobs.write_backs import NoteRequest
from sync_service.store.queue import rate_limits, write_slots
from tests.domain.factories import snapshot
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness
from tests.support.wait_until import until


def test_an_issue_says_what_it_serves_in_the_order_of_the_pages(room: FakeWriteBackHarness) -> None:
    """In words, with the page of each key result."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-2", "okr:KR-1"]))
    room.write_now()
    assert room.noted_key_results() == ["KR-1", "KR-2"]
    one = room.wall.notes["501#1"].key_results[0]
    assert (one.url, one.value, one.target, one.progress, one.status) == (
        "https://okr.example/key-results/KR-1",
        "0",
        "100",
        "0 %",
        "behind",
    )
    assert (room.row().memory, room.row().outcome, room.row().due_at) == ("there", "written", None)


def test_a_bug_is_tried_again_and_buried_at_last(room: FakeWriteBackHarness) -> None:
    """And nothing is noted as said."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = RuntimeError("a bug of ours")
    for _ in range(10):
        room.write_now()
    assert room.row().buried_at is not None
    assert room.row().digest == ""
    assert room.wall.writes == 8
    room.wall.before = None
    room.world.receive_and_drain(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
    room.write_now()
    assert room.noted_key_results() == ["KR-1", "KR-2"]


@pytest.mark.parametrize(
    ("error", "buried", "refused"),
    [
        (Unavailable("it is away"), False, False),
        (Refused("the key does not fit"), False, True),
        (Gone("there is no such issue", proven=False), True, False),
    ],
)
def test_each_error_has_its_way(room: FakeWriteBackHarness, error: Exception, *, buried: bool, refused: bool) -> None:
    """As it has for looks; the turn is given back in any case."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = error
    room.write_now()
    assert (room.row().buried_at is not None, room.row().due_at is not None) == (buried, not buried)
    assert (room.world.rows(tables.connection)[0].refused_at is not None) == refused
    with writing(room.world.engine) as tx:
        assert write_slots.acquire_writer(
            tx, room.world.connection_id, "pen/writes", most=timedelta(minutes=5)
        ) < timedelta(seconds=10)


def test_a_refused_connection_is_mended_by_the_one_write_that_may_ask(room: FakeWriteBackHarness) -> None:
    """Though nothing else asks that tracker: the hour's one permit is not taken twice for one row."""
    world = room.world
    world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        hours_ago = database_now(tx) - timedelta(hours=2)
        refused = {"refused_at": hours_ago, "refused_reason": "the key does not fit", "retried_at": hours_ago}
        tx.execute(sa.update(tables.connection).values(refused))
    until(lambda: world.connections.of(world.connection_id).refused is not None, "the refusal is known")
    room.write_now()
    assert room.noted_key_results() == ["KR-1"]
    assert world.rows(tables.connection)[0].refused_at is None


def test_an_issue_that_can_not_be_written_on_for_a_while_is_left_alone(room: FakeWriteBackHarness) -> None:
    """For as long as was asked, and with the reason."""
    world, bucket = room.world, "pen/writes/501#1"
    world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        rate_limits.block(tx, world.connection_id, bucket, wait=timedelta(hours=1))
    world.make_due(tables.write_back)
    world.drains.drain("write_back")
    assert (room.wall.writes, room.row().outcome) == (0, f"waits until the tracker can answer ({bucket})")
    with writing(world.engine) as tx:
        assert room.row().due_at - database_now(tx) > timedelta(minutes=50)


def test_an_issue_that_is_gone_says_nothing_more(room: FakeWriteBackHarness) -> None:
    """Nor is it called about."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.world.receive_and_drain(Tombstone(identity="501#1", key="acme/checkout#1"))
    room.write_now()
    assert (room.row().outcome, room.wall.writes) == ("the issue is gone", 0)


def test_without_credentials_nothing_is_written(room: FakeWriteBackHarness) -> None:
    """They may have been taken away."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(room.world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=None))
    until(lambda: not room.world.connections.of(room.world.connection_id).view.has_credentials, "it is known")
    room.write_now()
    assert "no credentials" in room.row().outcome


def test_whoever_would_wait_too_long_asks_again_later(
    room: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time is kept days ahead."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    monkeypatch.setattr(write_slots, "reserve_slot", lambda *_arguments: None)
    room.write_now()
    assert "fewer notes" in room.row().outcome
    assert room.wall.writes == 0


def test_whoever_meets_a_taken_turn_asks_again_soon_and_keeps_its_time(room: FakeWriteBackHarness) -> None:
    """The turn is held for minutes, in case its holder dies, but is given back within moments."""
    world = room.world
    world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    world.make_due(tables.write_back)
    with writing(world.engine) as tx:
        assert not write_slots.acquire_writer(tx, world.connection_id, "pen/writes", most=timedelta(minutes=3))
    world.drains.drain("write_back")
    assert (room.wall.writes, room.row().outcome) == (0, "waits for another write: writes go one by one")
    with writing(world.engine) as tx:
        assert room.row().due_at - database_now(tx) <= 2 * write_slots.GAP
        write_slots.release_writer(tx, world.connection_id, "pen/writes")
    kept = room.row().slot_at
    assert kept is not None
    assert room.row().due_at - kept < write_slots.KEPT


def test_a_process_that_knows_not_yet_of_the_switch_waits(room: FakeWriteBackHarness) -> None:
    """It reads connections every so often, and the row is there at once."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.set_mark(None)
    room.write_now()
    assert room.row().due_at is not None
    assert (room.row().buried_at, room.wall.writes) == (None, 0)
    room.set_mark("m")
    room.write_now()
    assert room.noted_key_results() == ["KR-1"]


def test_another_target_is_said_though_nothing_moved(room: FakeWriteBackHarness) -> None:
    """It stands beside the value."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    room.write_now()
    with writing(room.world.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(target=500, unit="tickets"))
        write_backs.request(tx, [NoteRequest(room.world.connection_id, "501#1", "acme/checkout#1")], urgent=False)
    room.write_now()
    assert room.wall.notes["501#1"].key_results[0].target == "500 tickets"


def test_an_issue_that_may_not_be_written_on_waits_longer_each_time_and_takes_nobodys_place(
    room: FakeWriteBackHarness,
) -> None:
    """An hour, two, four, and six from then on; its first change made it urgent, which it is no more."""
    room.world.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    until_then = room.world.now + timedelta(hours=1)
    room.wall.before = Unavailable("the conversation is locked", until_then, bucket="pen/writes/501#1")
    waits = []
    for _ in range(5):
        room.write_now()
        with writing(room.world.engine) as tx:
            waits.append(round((room.row().due_at - database_now(tx)) / timedelta(hours=1)))
    assert waits == [1, 2, 4, 6, 6]
    assert (room.row().urgent, room.row().buried_at, room.row().attempts) == (False, None, 5)
    assert room.row().outcome == "the conversation is locked"
