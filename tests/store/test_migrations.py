"""The migrations make exactly the tables that the code knows."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sync_service.store.database import open_database, reading
from sync_service.store.migrate import is_current, migrate
from sync_service.store.tables import metadata


def test_migrating_an_empty_database_gives_the_tables_of_the_code(database_url: str) -> None:
    """A difference in either direction is a forgotten migration."""
    engine = open_database(database_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with reading(engine) as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(migrated_url: str) -> None:
    """Every part of the service may try."""
    engine = open_database(migrated_url)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()
