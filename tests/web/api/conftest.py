"""A town and a token, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from sync_service.runtime import wiring
from sync_service.web import create_app
from tests.web.api.fixture import Clock, Town, settle


@pytest.fixture
def town(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Give a town."""
    monkeypatch.setenv("OKR_SYNC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    clock = Clock()
    services = wiring.build(Settings(), now=clock)
    made = Town(services, create_app(services), clock)
    settle(made)
    yield made
    services.engine.dispose()


@pytest.fixture
def token(town: Town) -> str:
    """Give a token that may read."""
    return town.token("viewer")
