"""Fixtures of the fault tests: a running service on each kind of database, with a nemesis and an oracle."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from sync_service.runtime.wiring import Services, utc_now
from sync_service.store.engine.migrate import migrate
from tests.conftest import RUN_DIRECTORY
from tests.faults.nemesis import Nemesis
from tests.faults.oracle_check import furnish
from tests.faults.own_postgres import OwnPostgres
from tests.faults.service import Service
from tests.support import run_scope
from tests.support.servers import Valkey
from tests.support.services import build_services

LONG = run_scope.LONG
SEED = int(os.environ.get("FAULTS_SEED", "1"))


@dataclass(frozen=True, slots=True)
class FaultHarness:
    """A running service, services of the test on its database, and the nemesis."""

    service: Service
    services: Services
    nemesis: Nemesis

    @property
    def engine(self) -> Engine:
        """The database."""
        return self.services.engine


@pytest.fixture(params=["sqlite", "postgresql"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultHarness]:
    """Run the service: embedded, and with a PostgreSQL and a Valkey by URL that the nemesis may crash."""
    settings: dict[str, str] = {}
    targets: dict[str, Any] = {}
    if request.param == "postgresql":
        server: OwnPostgres = request.getfixturevalue("own_postgres")
        valkey: Valkey = request.getfixturevalue("own_valkey")
        settings = {"DATABASE_URL": server.url, "REDIS_URL": valkey.url}
        targets = {"valkey": valkey, "restart_database": server.restart}
    service = Service(tmp_path, settings)
    services = service.services()
    migrate(services.engine)
    furnish(services)
    service.start()
    yield FaultHarness(service, services, Nemesis(service, services.engine, SEED, **targets))
    service.stop()
    services.engine.dispose()
    services.redis.close()


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    """Yield a PostgreSQL for one test, which may crash and restart it."""
    server = OwnPostgres(Path(os.environ[RUN_DIRECTORY]))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_oracle(tmp_path: Path) -> Iterator[Callable[[], Services]]:
    """Yield a function that creates services on SQLite, without faults."""
    made: list[Services] = []

    def make() -> Services:
        directory = tmp_path / f"oracle-{len(made)}"
        directory.mkdir()
        services = build_services(f"sqlite:///{directory / 'oracle.db'}", directory, clock=utc_now)
        made.append(services)
        furnish(services)
        services.drains.drain_everything()
        return services

    yield make
    for services in made:
        services.engine.dispose()
        services.redis.close()


@pytest.fixture
def oracle(new_oracle: Callable[[], Services]) -> Services:
    """Return one oracle."""
    return new_oracle()
