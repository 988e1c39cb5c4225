"""Fixtures of flow tests: services, a crashing worker, simulated trackers, and harnesses with fake trackers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from simulator import GitHub, SteppedClock
from sync_service.runtime.wiring import Services
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness, open_fake_write_back_harness
from tests.flows.harness import clock_of
from tests.support.fake_tracker import CoreHarness, open_core_harness, prepare_labelled
from tests.support.servers import Databases
from tests.support.services import open_services


@pytest.fixture
def services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Yield services on either database."""
    with open_services(migrated_url, tmp_path) as made:
        yield made


@pytest.fixture
def other_services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Yield other services on the same database."""
    with open_services(migrated_url, tmp_path) as made:
        yield made


@pytest.fixture
def crashing_worker(migrated_url: str, tmp_path: Path) -> Iterator[CrashingWorker]:
    """Yield a crashing worker on either database."""
    made = CrashingWorker(migrated_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock() -> SteppedClock:
    """Return the clock of `hub`, set to the day before yesterday."""
    return clock_of(timedelta(days=2))


@pytest.fixture
def hub(clock: SteppedClock) -> Iterator[GitHub]:
    """Yield a GitHub without a receiver of its webhooks."""
    with GitHub("acme", clock=clock, background=False) as made:
        yield made


@pytest.fixture
def empty_core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness on either database, without key results."""
    made = open_core_harness(migrated_url)
    yield made
    made.engine.dispose()


@pytest.fixture
def core(databases: Databases) -> Iterator[CoreHarness]:
    """Yield a harness on either database with KR-1, the done-share of issues with the label `checkout`."""
    made = open_core_harness(databases.prepared(prepare_labelled))
    yield made
    made.engine.dispose()


@pytest.fixture
def write_back(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWriteBackHarness]:
    """Yield a write-back harness on either database; its process caches connections for a short time only."""
    monkeypatch.setattr("sync_service.store.trackers.connections.FRESH_SECONDS", 0.05)
    made = open_fake_write_back_harness(migrated_url)
    yield made
    made.core.engine.dispose()
