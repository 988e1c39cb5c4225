"""Calls to trackers run in a thread of their own: no listing delays deliveries, however slow its tracker is."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sync_service.runtime import scheduler, worker
from sync_service.runtime.call_thread import CallThread
from sync_service.runtime.drains import Drains
from sync_service.runtime.wiring import Services
from tests.support.services import open_services


@dataclass
class Tables:
    """Drains that note what they drain; those that call trackers wait until the tracker answers."""

    answers: threading.Event = field(default_factory=threading.Event)
    called: threading.Event = field(default_factory=threading.Event)
    drained: list[str] = field(default_factory=list)

    def drains(self, services: Services) -> Drains:
        """Return a drain for two tables that call trackers, and for deliveries."""
        return Drains(
            engine=services.engine,
            by_table={
                "poll": lambda: self._call("poll"),
                "query_listing": lambda: self._call("query_listing"),
                "delivery": lambda: self._note("delivery"),
            },
        )

    def _call(self, name: str) -> int:
        self.called.set()
        assert self.answers.wait(60)
        return self._note(name)

    def _note(self, name: str) -> int:
        self.drained.append(name)
        return 0


@pytest.fixture
def tables() -> Tables:
    """Return drains of a tracker that does not answer yet."""
    return Tables()


@pytest.fixture
def services(migrated_url: str, tmp_path: Path, tables: Tables) -> Iterator[Services]:
    """Yield services with these drains."""
    with open_services(migrated_url, tmp_path) as made:
        yield replace(made, drains=tables.drains(made))


@pytest.fixture
def calls(services: Services) -> Iterator[CallThread]:
    """Yield a running thread for calls."""
    thread = CallThread(services.drains, services.wakeup)
    thread.start()
    yield thread
    thread.stop(60)
    assert not thread.is_alive()


def test_deliveries_are_drained_while_a_listing_waits_for_its_tracker(
    services: Services, tables: Tables, calls: CallThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one worker: the jobs of the listings return at once, and run in the order of their requests."""
    monkeypatch.setattr(worker, "_services", [services])
    monkeypatch.setattr(worker, "_call_threads", [calls])
    worker.drain("query_listing")
    assert tables.called.wait(60)
    for name in ("poll", "poll", "delivery"):
        worker.drain(name)
    assert tables.drained == ["delivery"]
    tables.answers.set()
    while "poll" not in tables.drained:
        calls.join(0.01)
    assert tables.drained == ["delivery", "query_listing", "poll"]


def test_without_redis_deliveries_are_drained_while_a_listing_waits_for_its_tracker(
    services: Services, tables: Tables, calls: CallThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the scheduler, which then does the work of the workers."""
    monkeypatch.setattr(Drains, "due", lambda _: ["poll", "delivery"])
    scheduler.beat(services, calls)
    assert tables.called.wait(60)
    assert tables.drained == ["delivery"]
    tables.answers.set()


def test_the_thread_goes_on_after_a_drain_that_fails(services: Services, tables: Tables) -> None:
    """The rows are due again when their leases end."""
    failing = replace(services.drains, by_table={**services.drains.by_table, "fetch_request": lambda: 1 // 0})
    thread = CallThread(failing, services.wakeup)
    tables.answers.set()
    thread.request("fetch_request")
    thread.request("poll")
    thread.start()
    while not tables.drained:
        thread.join(0.01)
    thread.stop(60)
    assert tables.drained == ["poll"]
