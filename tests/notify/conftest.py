"""A furnished house on both databases."""

from collections.abc import Iterator

import pytest

from sync_service.store.engine.database import open_database
from tests.notify.services import House


@pytest.fixture
def services(migrated_url: str) -> Iterator[House]:
    """Give a house without an SMTP server."""
    engine = open_database(migrated_url)
    try:
        built = House(engine)
        built.furnish()
        yield built
    finally:
        engine.dispose()
