"""What is due to be said on issues, with a tracker of paper: errors, deaths, and what is asked for meanwhile."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.asking import Asking
from sync_service.domain.connectors import Connection, ConnectorError, Gone, Refused, Unavailable
from sync_service.domain.issues import State, Tombstone
from sync_service.domain.writing import Note
from sync_service.store import due, pauses, tables, turns, write_backs
from sync_service.store.database import database_now, open_database, writing
from tests.domain.making import at, snapshot
from tests.waiting import until
from tests.world import PaperTracker, World, bump_rules

OTHER = {"identity": "501#2", "key": "acme/checkout#2"}


@dataclass(slots=True)
class Wall(PaperTracker):
    """Paper that can be written on; `before` is run, or raised, ahead of each write."""

    wall: dict[str, Note] = field(default_factory=dict)
    before: Callable[[], None] | Exception | None = None
    writes: int = 0

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Have one pen for all."""
        del connection, about
        return "pen/writes"

    def manner(self, connection: Connection) -> str:
        """There is one way to write on a wall."""
        del connection
        return ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Put the note there."""
        del connection, key, memory, afresh
        self.writes += 1
        if isinstance(self.before, Exception):
            raise self.before
        if self.before:
            self.before()
        self.wall[identity] = note
        return "there"

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Take the note away."""
        del connection, key, memory
        self.wall.pop(identity, None)
        return None


@dataclass(slots=True)
class Room:
    """A world that is written to."""

    world: World
    wall: Wall

    def hasten(self) -> None:
        """Let the time come that rows wait for, and forget pauses; then write."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.delete(tables.pause))
            w = tables.write_back
            due_now = {"due_at": database_now(tx), "slot_at": None, "lease": None}
            tx.execute(sa.update(w).where(w.c.due_at.isnot(None)).values(due_now))
        self.world.drains.drain("write_back")

    def set_mark(self, mark: str | None) -> None:
        """Let the connection have another mark, and wait until that is known."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.update(tables.connection).values(write_mark=mark))
        connections, connection_id = self.world.connections, self.world.connection_id
        until(lambda: connections.of(connection_id).view.mark == mark, "the mark is known")

    def rename(self, title: str) -> None:
        """Give KR-1 another title."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.update(tables.key_result).values(title=title))

    def row(self) -> Row[Any]:
        """Give the first row."""
        return self.world.rows(tables.write_back)[0]

    def said(self) -> list[str]:
        """Name the key results that the first issue says it serves."""
        return [one.slug for one in self.wall.wall["501#1"].serves]


@pytest.fixture
def room(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """Give the room, on either database; a process soon knows of changes of its connections there."""
    monkeypatch.setattr("sync_service.store.connections.FRESH_SECONDS", 0.05)
    wall = Wall()
    world = World(open_database(migrated_url), tracker=wall)
    columns = {"write_back": True, "write_mark": "m", "sealed_token": world.sealer.seal("t")}
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(columns))
        bump_rules(tx)
    world.key_result("KR-1")
    world.key_result("KR-2")
    yield Room(world, wall)
    world.engine.dispose()


def test_an_issue_says_what_it_serves_in_the_order_of_the_pages(room: Room) -> None:
    """In words, with the page of each key result."""
    room.world.tell(snapshot(0, labels=["okr:KR-2", "okr:KR-1"]))
    room.hasten()
    assert room.said() == ["KR-1", "KR-2"]
    one = room.wall.wall["501#1"].serves[0]
    assert (one.url, one.value, one.target, one.progress, one.status) == (
        "https://okr.example/key-results/KR-1",
        "0",
        "100",
        "0 %",
        "behind",
    )
    assert (room.row().memory, room.row().outcome, room.row().due_at) == ("there", "written", None)


def test_what_is_asked_for_during_a_write_is_written_after_it(room: Room) -> None:
    """Though the write that was under way did not know."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))

    def link_more() -> None:
        room.wall.before = None
        room.world.post(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
        room.world.drains.drain("delivery")

    room.wall.before = link_more
    room.hasten()
    assert room.said() == ["KR-1"]
    assert room.row().due_at is not None
    room.hasten()
    assert room.said() == ["KR-1", "KR-2"]
    assert room.wall.writes == 2


def test_a_bug_is_tried_again_and_buried_at_last(room: Room) -> None:
    """And nothing is noted as said."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = RuntimeError("a bug of ours")
    for _ in range(10):
        room.hasten()
    assert room.row().buried_at is not None
    assert room.row().digest == ""
    assert room.wall.writes == 8
    room.wall.before = None
    room.world.tell(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
    room.hasten()
    assert room.said() == ["KR-1", "KR-2"]


@pytest.mark.parametrize(
    ("error", "buried", "refused"),
    [
        (Unavailable("it is away"), False, False),
        (Refused("the key does not fit"), False, True),
        (Gone("there is no such issue", proven=False), True, False),
    ],
)
def test_each_error_has_its_way(room: Room, error: Exception, *, buried: bool, refused: bool) -> None:
    """As it has for looks; the turn is given back in any case."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.wall.before = error
    room.hasten()
    assert (room.row().buried_at is not None, room.row().due_at is not None) == (buried, not buried)
    assert (room.world.rows(tables.connection)[0].refused_at is not None) == refused
    with writing(room.world.engine) as tx:
        assert turns.take(tx, room.world.connection_id, "pen/writes", most=timedelta(minutes=5)) < timedelta(seconds=10)


def test_a_refused_connection_is_mended_by_the_one_write_that_may_ask(room: Room) -> None:
    """Though nothing else asks that tracker: the hour's one permit is not taken twice for one row."""
    world = room.world
    world.tell(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        hours_ago = database_now(tx) - timedelta(hours=2)
        refused = {"refused_at": hours_ago, "refused_reason": "the key does not fit", "asked_again_at": hours_ago}
        tx.execute(sa.update(tables.connection).values(refused))
    until(lambda: world.connections.of(world.connection_id).refused is not None, "the refusal is known")
    room.hasten()
    assert room.said() == ["KR-1"]
    assert world.rows(tables.connection)[0].refused_at is None


def test_an_issue_that_can_not_be_written_on_for_a_while_is_left_alone(room: Room) -> None:
    """For as long as was asked, and with the reason."""
    world, part = room.world, "pen/writes/501#1"
    world.tell(snapshot(0, labels=["okr:KR-1"]))
    with writing(world.engine) as tx:
        pauses.begin(tx, world.connection_id, part, wait=timedelta(hours=1))
    world.make_due(tables.write_back)
    world.drains.drain("write_back")
    assert (room.wall.writes, room.row().outcome) == (0, f"waits until the tracker can answer ({part})")
    with writing(world.engine) as tx:
        assert room.row().due_at - database_now(tx) > timedelta(minutes=50)


def test_a_write_whose_lease_was_lost_is_left_to_whoever_has_it(room: Room) -> None:
    """It notes nothing."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))

    def lose() -> None:
        with writing(room.world.engine) as tx:
            tx.execute(sa.update(tables.write_back).values(lease="another's"))

    room.wall.before = lose
    room.hasten()
    assert (room.row().lease, room.row().memory) == ("another's", None)


def test_an_issue_that_is_gone_says_nothing_more(room: Room) -> None:
    """Nor is it called about."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.world.tell(Tombstone(identity="501#1", key="acme/checkout#1"))
    room.hasten()
    assert (room.row().outcome, room.wall.writes) == ("the issue is gone", 0)


def test_without_credentials_nothing_is_written(room: Room) -> None:
    """They may have been taken away."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    with writing(room.world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=None))
    until(lambda: not room.world.connections.of(room.world.connection_id).view.has_credentials, "it is known")
    room.hasten()
    assert "no credentials" in room.row().outcome


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


def test_a_round_goes_in_chunks_and_ends_where_the_switch_is_off(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many issues there are."""
    monkeypatch.setattr("sync_service.writing_back.CHUNK", 2)
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
    assert (round_.outcome, round_.due_at) == ("writing back is switched off", None)


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
    monkeypatch.setattr("sync_service.writing_back.CHUNK", 1)
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


def test_whoever_would_wait_too_long_asks_again_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is kept days ahead."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    monkeypatch.setattr(turns, "time_for", lambda *_arguments: None)
    room.hasten()
    assert "fewer issues" in room.row().outcome
    assert room.wall.writes == 0


def test_whoever_meets_a_taken_turn_asks_again_soon_and_keeps_its_time(room: Room) -> None:
    """The turn is held for minutes, in case its holder dies, but is given back within moments."""
    world = room.world
    world.tell(snapshot(0, labels=["okr:KR-1"]))
    world.make_due(tables.write_back)
    with writing(world.engine) as tx:
        assert not turns.take(tx, world.connection_id, "pen/writes", most=timedelta(minutes=3))
    world.drains.drain("write_back")
    assert (room.wall.writes, room.row().outcome) == (0, "waits for its turn: writes go one by one")
    with writing(world.engine) as tx:
        assert room.row().due_at - database_now(tx) <= 2 * turns.GAP
        turns.give_back(tx, world.connection_id, "pen/writes")
    kept = room.row().slot_at
    assert kept is not None
    assert room.row().due_at - kept < turns.KEPT


def test_a_process_that_knows_not_yet_of_the_switch_waits(room: Room) -> None:
    """It reads connections every so often, and the row is there at once."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.set_mark(None)
    room.hasten()
    assert room.row().due_at is not None
    assert (room.row().buried_at, room.wall.writes) == (None, 0)
    room.set_mark("m")
    room.hasten()
    assert room.said() == ["KR-1"]


class Death(BaseException):
    """Ends a worker where it stands."""


def test_what_a_dead_worker_wrote_is_put_right_though_it_is_what_was_said_before(room: Room) -> None:
    """What it wrote was never noted, so the row knows only of what was said before it."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.hasten()
    room.world.tell(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))

    def die() -> None:
        room.wall.wall["501#1"] = Note((*room.wall.wall["501#1"].serves,) * 2)
        raise Death

    room.wall.before = die
    with pytest.raises(Death):
        room.hasten()
    room.wall.before = None
    assert room.said() == ["KR-1", "KR-1"]
    room.world.tell(snapshot(2, labels=["okr:KR-1"]))
    room.hasten()
    assert room.said() == ["KR-1"]


@pytest.mark.parametrize(
    ("error", "buried"), [(Unavailable("it took too long"), False), (Gone("it shows nothing", proven=False), True)]
)
def test_a_write_that_landed_unheard_is_taken_away_where_the_issue_serves_nothing_any_more(
    room: Room, error: ConnectorError, *, buried: bool
) -> None:
    """Whether its row still waits to try again, or was put aside; and only once."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))

    def land() -> None:
        room.wall.wall["501#1"] = Note(())
        raise error

    room.wall.before = land
    room.hasten()
    assert (room.row().buried_at is not None) == buried
    room.wall.before = None
    room.world.tell(snapshot(1, labels=[]))
    room.hasten()
    assert room.wall.wall == {}
    assert room.row().outcome == "it serves no key result any more"
    assert room.row().settled_at is not None


def test_what_is_asked_for_while_a_row_is_settled_without_a_write_is_not_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The links that its end was decided from are others by then."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))
    room.world.tell(snapshot(1, labels=[]))
    settle = Asking.settle

    def settle_late(asking: Asking, row: Row[Any], outcome: str) -> None:
        monkeypatch.setattr(Asking, "settle", settle)
        room.world.post(snapshot(2, labels=["okr:KR-2"]))
        room.world.drains.drain("delivery")
        asking.settle(row, outcome)

    monkeypatch.setattr(Asking, "settle", settle_late)
    room.hasten()
    assert (room.row().settled_at, room.row().lease) == (None, None)
    assert room.row().due_at is not None
    room.hasten()
    assert room.said() == ["KR-2"]
    assert room.row().due_at is None


@pytest.mark.parametrize(("error", "tries"), [(Gone("it is locked", proven=False), 1), (RuntimeError("a bug"), 8)])
def test_what_is_asked_for_while_a_row_is_put_aside_is_not_lost(room: Room, error: Exception, tries: int) -> None:
    """It is tried again, and is put aside only when nobody asked anew."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))

    def change_and_fail() -> None:
        if room.wall.writes == tries:
            room.world.post(snapshot(1, labels=["okr:KR-2"]))
            room.world.drains.drain("delivery")
        raise error

    room.wall.before = change_and_fail
    for _ in range(tries):
        room.hasten()
    assert (room.row().buried_at, room.row().lease) == (None, None)
    assert room.row().due_at is not None
    room.wall.before = None
    room.hasten()
    assert room.said() == ["KR-2"]
    assert room.row().due_at is None
