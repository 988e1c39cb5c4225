"""Fixtures: the web application with example OKRs, and clients that are signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.web.app import create_app
from tests.support.example_okrs import Example, find_examples, prepare_examples
from tests.support.migrated_database import prepare
from tests.support.servers import Databases
from tests.support.services import Clock, build_services
from tests.web.session_client import SessionClient


@pytest.fixture
def clock() -> Clock:
    """Return a clock within the example cycle."""
    return Clock()


@pytest.fixture
def services(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, clock: Clock) -> Iterator[Services]:
    """Build the services on a new, migrated database; tests that use `example` get one with the example OKRs."""
    prepare_database = prepare_examples if "example" in request.fixturenames else prepare
    built = build_services(databases.prepared(prepare_database), tmp_path, clock=clock)
    yield built
    built.engine.dispose()


@pytest.fixture
def example(services: Services) -> Example:
    """Return the row ids of the example OKRs."""
    return find_examples(services)


@pytest.fixture
def app(services: Services) -> Flask:
    """Return the web application, without sessions and with unused rate limits."""
    return create_app(services)


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """Return a client that is not signed in."""
    return app.test_client()


@pytest.fixture
def ana(app: Flask, services: Services, example: Example) -> SessionClient:
    """Return a client signed in as an admin."""
    return SessionClient.signed_in(app, services, example.ana)


@pytest.fixture
def ben(app: Flask, services: Services, example: Example) -> SessionClient:
    """Return a client signed in as a member, who owns KR-2, KR-3 and KR-4."""
    return SessionClient.signed_in(app, services, example.ben)


@pytest.fixture
def vera(app: Flask, services: Services, example: Example) -> SessionClient:
    """Return a client signed in as a viewer."""
    return SessionClient.signed_in(app, services, example.vera)
