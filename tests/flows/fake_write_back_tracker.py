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
from tests.support.fake_tracker import CoreHarness, FakeTracker, bump_rules, open_core_harness
from tests.support.wait_until import until


@dataclass(slots=True)
class FakeWriteBackTracker(FakeTracker):
    """A fake tracker that stores notes; `before` is called, or raised, before each write."""

    notes: dict[str, Note] = field(default_factory=dict)
    before: Callable[[], None] | Exception | None = None
    writes: int = 0

    def write_bucket(self, connection: Connection, *, about: str) -> str:
        """Return one write bucket for all issues."""
        del connection, about
        return "pen/writes"

    def format_version(self, connection: Connection) -> str:
        """Return the only format version."""
        del connection
        return ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, force: bool
    ) -> str | None:
        """Store the note."""
        del connection, key, memory, force
        self.writes += 1
        if isinstance(self.before, Exception):
            raise self.before
        if self.before:
            self.before()
        self.notes[identity] = note
        return "there"

    def remove_note(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Remove the note."""
        del connection, key, memory
        self.notes.pop(identity, None)
        return None


@dataclass(slots=True)
class FakeWriteBackHarness:
    """A harness with a fake write-back tracker."""

    core: CoreHarness
    tracker: FakeWriteBackTracker

    def write_now(self) -> None:
        """Make all waiting rows due and delete rate limits; then write."""
        with writing(self.core.engine) as tx:
            tx.execute(sa.delete(tables.rate_limit))
            w = tables.write_back
            due_now = {"due_at": database_now(tx), "slot_at": None, "lease": None}
            tx.execute(sa.update(w).where(w.c.due_at.isnot(None)).values(due_now))
        self.core.drains.drain("write_back")

    def set_mark(self, mark: str | None) -> None:
        """Change the connection's owner marker, and wait until the cache has it."""
        with writing(self.core.engine) as tx:
            tx.execute(sa.update(tables.connection).values(owner_marker=mark))
        connections, connection_id = self.core.connections, self.core.connection_id
        until(lambda: connections.of(connection_id).view.owner_marker == mark, "the mark is known")

    def rename(self, title: str) -> None:
        """Change the title of all key results."""
        with writing(self.core.engine) as tx:
            tx.execute(sa.update(tables.key_result).values(title=title))

    def row(self) -> Row[Any]:
        """Return the first write-back row."""
        return self.core.rows(tables.write_back)[0]

    def noted_key_results(self) -> list[str]:
        """Return the key results in the note of the first issue."""
        return [one.slug for one in self.tracker.notes["501#1"].key_results]


def open_fake_write_back_harness(database_url: str) -> FakeWriteBackHarness:
    """Return a harness with a fake write-back tracker and two key results."""
    tracker = FakeWriteBackTracker()
    core = open_core_harness(database_url, tracker=tracker)
    columns = {"write_back": True, "owner_marker": "m", "sealed_token": core.sealer.encrypt("t")}
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(columns))
        bump_rules(tx)
    core.key_result("KR-1")
    core.key_result("KR-2")
    return FakeWriteBackHarness(core, tracker)
