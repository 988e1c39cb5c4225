"""Fake tracker for write-back, and a harness that writes notes to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.write_back import Note
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from tests.support.fake_tracker import PaperTracker, World, bump_rules, open_world
from tests.support.wait_until import until


@dataclass(slots=True)
class Wall(PaperTracker):
    """A fake tracker that stores notes; `before` is called, or raised, before each write."""

    wall: dict[str, Note] = field(default_factory=dict)
    before: Callable[[], None] | Exception | None = None
    writes: int = 0

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Return one write bucket for all issues."""
        del connection, about
        return "pen/writes"

    def manner(self, connection: Connection) -> str:
        """Return the only format version."""
        del connection
        return ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Store the note."""
        del connection, key, memory, afresh
        self.writes += 1
        if isinstance(self.before, Exception):
            raise self.before
        if self.before:
            self.before()
        self.wall[identity] = note
        return "there"

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Remove the note."""
        del connection, key, memory
        self.wall.pop(identity, None)
        return None


@dataclass(slots=True)
class Room:
    """A harness with a fake write-back tracker."""

    world: World
    wall: Wall

    def hasten(self) -> None:
        """Make all waiting rows due and delete rate limits; then write."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.delete(tables.pause))
            w = tables.write_back
            due_now = {"due_at": database_now(tx), "slot_at": None, "lease": None}
            tx.execute(sa.update(w).where(w.c.due_at.isnot(None)).values(due_now))
        self.world.drains.drain("write_back")

    def set_mark(self, mark: str | None) -> None:
        """Change the connection's owner marker, and wait until the cache has it."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.update(tables.connection).values(write_mark=mark))
        connections, connection_id = self.world.connections, self.world.connection_id
        until(lambda: connections.of(connection_id).view.mark == mark, "the mark is known")

    def rename(self, title: str) -> None:
        """Change the title of all key results."""
        with writing(self.world.engine) as tx:
            tx.execute(sa.update(tables.key_result).values(title=title))

    def row(self) -> Row[Any]:
        """Return the first write-back row."""
        return self.world.rows(tables.write_back)[0]

    def said(self) -> list[str]:
        """Return the key results in the note of the first issue."""
        return [one.slug for one in self.wall.wall["501#1"].serves]


def furnish_room(database_url: str) -> Room:
    """Return a harness with a fake write-back tracker and two key results."""
    wall = Wall()
    world = open_world(database_url, tracker=wall)
    columns = {"write_back": True, "write_mark": "m", "sealed_token": world.sealer.seal("t")}
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(columns))
        bump_rules(tx)
    world.key_result("KR-1")
    world.key_result("KR-2")
    return Room(world, wall)
