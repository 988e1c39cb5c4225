"""Writes, with a tracker of paper, that are overtaken: by deaths, lost leases, and what is asked for meanwhile."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.asking import Asking
from sync_service.domain.connectors import ConnectorError, Gone, Unavailable
from sync_service.domain.writing import Note
from sync_service.store import tables
from sync_service.store.database import writing
from tests.domain.making import snapshot
from tests.flows.wall import Room


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


def test_a_write_whose_lease_was_lost_is_left_to_whoever_has_it(room: Room) -> None:
    """It notes nothing."""
    room.world.tell(snapshot(0, labels=["okr:KR-1"]))

    def lose() -> None:
        with writing(room.world.engine) as tx:
            tx.execute(sa.update(tables.write_back).values(lease="another's"))

    room.wall.before = lose
    room.hasten()
    assert (room.row().lease, room.row().memory) == ("another's", None)


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
