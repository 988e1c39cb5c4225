"""Fixtures: a migrated database, and a harness that applies files to it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.registry import load_connectors
from sync_service.config_file.plan.apply import ConfigApplier, Plan
from sync_service.config_file.read.errors import FileError, InvalidFiles
from sync_service.store.engine.database import open_database, reading
from sync_service.store.engine.encryption import Sealer
from tests.config_file.files import SECRETS
from tests.support.migrated_database import prepare
from tests.support.servers import Databases

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a migrated database of each kind."""
    opened = open_database(migrated_url, zone=MADRID)
    yield opened
    opened.dispose()


@pytest.fixture
def sealer() -> Sealer:
    """Return the sealer with the tests' key."""
    return Sealer(("a key of the tests, long enough to be one",))


class ConfigHarness:
    """Applies files to a database as a person would, and reads the results."""

    def __init__(self, engine: Engine, sealer: Sealer, environment: Mapping[str, str]) -> None:
        self.engine = engine
        self.sealer = sealer
        self.applier = ConfigApplier(
            engine=engine,
            sealer=sealer,
            connectors=load_connectors(),
            environment=environment,
            zone=MADRID,
            now=lambda: NOW,
            actor="the tests",
        )

    def apply(self, *texts: str, prune: bool = False) -> Plan:
        """Apply the files, named one.yaml, two.yaml and so on."""
        return self.applier.apply(self._files(texts), prune=prune)

    def plan(self, *texts: str, prune: bool = False) -> Plan:
        """Return the plan and apply nothing."""
        return self.applier.plan(self._files(texts), prune=prune)

    def errors(self, *texts: str, prune: bool = False) -> tuple[FileError, ...]:
        """Apply files that must be refused and return their errors."""
        with pytest.raises(InvalidFiles) as caught:
            self.apply(*texts, prune=prune)
        return caught.value.errors

    def rows(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with reading(self.engine) as tx:
            return [tuple(row) for row in tx.execute(statement)]

    @staticmethod
    def _files(texts: tuple[str, ...]) -> list[tuple[str, bytes]]:
        names = ("one.yaml", "two.yaml", "three.yaml")
        return [(name, text.encode()) for name, text in zip(names, texts, strict=False)]


@pytest.fixture
def harness(engine: Engine, sealer: Sealer) -> ConfigHarness:
    """Return a harness on each kind of database."""
    return ConfigHarness(engine, sealer, SECRETS)


@pytest.fixture
def sqlite_harness(sqlite: Databases, sealer: Sealer) -> Iterator[Callable[[], ConfigHarness]]:
    """Yield a harness factory on SQLite alone, for tests that do not depend on the database."""
    opened = open_database(sqlite.prepared(prepare), zone=MADRID)
    yield lambda: ConfigHarness(opened, sealer, SECRETS)
    opened.dispose()
    sqlite.drop()
