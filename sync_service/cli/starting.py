"""What every command begins with: the settings, the log, and a house whose database is there and of this version."""

import logging
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.engine import Engine

from config.logging import set_up_logging
from config.settings import Settings, read_settings
from sync_service.store.database import open_database
from sync_service.store.migrate import is_current
from sync_service.wiring import House, build


def settings_for(*, quiet: bool = False) -> Settings:
    """Read the settings and set up the log; a `quiet` command logs only what is wrong."""
    settings = read_settings()
    set_up_logging(settings.log_format, level=logging.WARNING if quiet else logging.INFO)
    return settings


def open_house() -> House:
    """Give the house for a command that asks or changes something."""
    settings = settings_for(quiet=True)
    require_database(settings)
    return build(settings)


def require_database(settings: Settings) -> None:
    """Check that the database is there and migrated; leaves no connection open, so that a process may fork."""
    url = make_url(settings.database_url)
    # Opening an absent SQLite file would make it.
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise click.ClickException(f"there is no database at {url.database} yet; run okr-sync up or okr-sync migrate")
    engine = open_database(settings.database_url)
    try:
        require_migrated(engine)
    finally:
        engine.dispose()


def require_migrated(engine: Engine) -> None:
    """Raise where the schema is not the one this version was written for."""
    if not is_current(engine):
        raise click.ClickException("the database is not of this version; run okr-sync migrate")
