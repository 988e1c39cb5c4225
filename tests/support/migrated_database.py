"""Migrated databases for tests: one is migrated, and copied for each test."""

from sqlalchemy.engine import Engine

from sync_service.store.engine.database import open_database
from sync_service.store.engine.migrate import migrate


def prepare(database_url: str) -> None:
    """Migrate an empty database."""
    engine = open_database(database_url)
    migrate(engine)
    close_for_copy(engine)


def close_for_copy(engine: Engine) -> None:
    """Close a database so that it can be copied: a SQLite file is copied without its write-ahead log."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
