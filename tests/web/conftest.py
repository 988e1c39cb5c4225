"""A web application on either database, with example OKRs, and clients that are signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.web import create_app
from tests.support.example_okrs import Example, find_examples, prepare_examples
from tests.support.migrated_database import prepare
from tests.support.servers import Databases
from tests.support.services import Clock, build_house
from tests.web.session_client import Visitor


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands within the example cycle."""
    return Clock()


@pytest.fixture
def services(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, clock: Clock) -> Iterator[Services]:
    """Give a house on a new, migrated database; example OKRs are in it where a test asks for `example`."""
    filled = prepare_examples if "example" in request.fixturenames else prepare
    built = build_house(databases.prepared(filled), tmp_path, clock=clock)
    yield built
    built.engine.dispose()


@pytest.fixture
def example(services: Services) -> Example:
    """Give the row ids of the example OKRs that the house is filled with."""
    return find_examples(services)


@pytest.fixture
def app(services: Services) -> Flask:
    """Give the web application; nobody has tried to come in yet."""
    return create_app(services)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Give a client that is not signed in."""
    return app.test_client()


@pytest.fixture
def ana(app: Flask, services: Services, example: Example) -> Visitor:
    """Give an admin who is signed in."""
    return Visitor.signed_in(app, services, example.ana)


@pytest.fixture
def ben(app: Flask, services: Services, example: Example) -> Visitor:
    """Give a member who is signed in; he owns KR-2, KR-3 and KR-4."""
    return Visitor.signed_in(app, services, example.ben)


@pytest.fixture
def vera(app: Flask, services: Services, example: Example) -> Visitor:
    """Give a viewer who is signed in."""
    return Visitor.signed_in(app, services, example.vera)
