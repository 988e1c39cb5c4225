"""Fixtures: the API over a database with an example, and a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from sync_service.runtime import wiring
from sync_service.web.app import create_app
from tests.web.api.fixture import ApiHarness, Clock, add_example


@pytest.fixture
def api(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHarness]:
    """Build the services with an example: one team with two key results."""
    monkeypatch.setenv("OKR_SYNC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    clock = Clock()
    services = wiring.build(Settings(), now=clock)
    harness = ApiHarness(services, create_app(services), clock)
    add_example(harness)
    yield harness
    services.engine.dispose()


@pytest.fixture
def token(api: ApiHarness) -> str:
    """Return a token of a viewer."""
    return api.token("viewer")


@pytest.fixture
def admin_token(api: ApiHarness) -> str:
    """Return a token of an admin."""
    return api.token("admin")
