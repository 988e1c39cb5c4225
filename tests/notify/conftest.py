"""Fixture: the mail services on each database."""

from collections.abc import Iterator

import pytest

from sync_service.store.engine.database import open_database
from tests.notify.services import MailServices


@pytest.fixture
def services(migrated_url: str) -> Iterator[MailServices]:
    """Yield mail services without an SMTP server."""
    engine = open_database(migrated_url)
    try:
        built = MailServices(engine)
        built.add_okrs()
        yield built
    finally:
        engine.dispose()
