"""A furnished house on both databases."""

from collections.abc import Iterator

import pytest

from sync_service.store.database import open_database
from sync_service.store.migrate import migrate
from tests.mail.house import House


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    """Give a house without an SMTP server."""
    engine = open_database(database_url)
    try:
        migrate(engine)
        built = House(engine)
        built.furnish()
        yield built
    finally:
        engine.dispose()
