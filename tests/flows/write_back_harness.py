"""Harness for write-back: services that write notes on a simulated tracker; the test moves time forward."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import SteppedClock
from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.ingest.receive import Receipt
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.harness import ServicesHarness
from tests.simulator.receiver import Receiver

HOUR = 3600.0
_TIMES = {
    "write_back": ("due_at", "slot_at", "written_at"),
    "write_back_round": ("due_at",),
    "rate_limit": ("until",),
}


@dataclass
class WriteBackHarness(ServicesHarness):
    """Services, the clock of the tracker that they write to, and the receiver of its webhooks."""

    clock: SteppedClock
    receiver: Receiver

    def receive_webhooks(self, *, slug: str | None = None) -> None:
        """Receive all webhooks that the tracker has sent so far, by the only connection or by the named one; drain."""
        (connection,) = (one for one in self.rows(tables.connection) if slug in (None, one.slug))
        deliveries, self.receiver.received = self.receiver.received, []
        for one in deliveries:
            headers = {name.lower(): value for name, value in one.headers.items()}
            assert self.services.receive.receive(connection.slug, WebhookRequest(headers, one.body)) is Receipt.STORED
        self.drain()

    def receive_and_write(self, *, seconds: float = 10, slug: str | None = None) -> None:
        """Receive the tracker's webhooks, and advance time so that the resulting notes are written."""
        self.receive_webhooks(slug=slug)
        self.write(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Advance time, for the tracker and for waiting write-back rows; drain."""
        self.clock.step(seconds)
        moved = round(seconds * 1_000_000)
        with writing(self.services.engine) as tx:
            for table, columns in _TIMES.items():
                sets = ", ".join(f"{name} = {name} - {moved}" for name in columns)
                unleased = "" if table == "rate_limit" else " WHERE lease IS NULL"
                tx.execute(sa.text(f"UPDATE {table} SET {sets}{unleased}"))  # noqa: S608 - names of our own tables
        self.drain()

    def write(self, *, seconds: float = HOUR) -> None:
        """Advance time so that all waiting notes are written."""
        left = seconds
        while (wait := self._next_write()) is not None and wait < left:
            self.advance(wait + 0.05)
            left -= wait + 0.05
        self.advance(max(left, 0))

    def _next_write(self) -> float | None:
        waiting = [row for row in self.rows(tables.write_back) if row.due_at is not None]
        if not waiting:
            return None
        return max(self.wait_of(min(waiting, key=lambda row: row.due_at)).total_seconds(), 0.0)

    def write_with(self, other: Services) -> None:
        """Let two workers write the due notes, for a minute."""
        for _ in range(12):
            with ThreadPoolExecutor(2) as workers:
                for working in [
                    workers.submit(services.drains.drain, "write_back") for services in (self.services, other)
                ]:
                    working.result()
            self.advance(5)

    def crash_while_writing(self, crashing_worker: CrashingWorker, *, after: int) -> None:
        """Let a worker write the waiting notes and crash after so many statements; a new one continues."""
        with writing(crashing_worker.services.engine) as tx:
            waiting = tables.write_back.c.due_at.isnot(None)
            tx.execute(sa.update(tables.write_back).where(waiting).values(due_at=database_now(tx)))
        crashing_worker.drain(crash_after=[after])
        self.services = crashing_worker.services

    def row_of(self, identity: str) -> Row[Any]:
        """Return the write-back row of an issue."""
        return next(row for row in self.rows(tables.write_back) if row.identity == identity)
