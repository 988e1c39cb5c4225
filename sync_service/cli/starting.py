"""What every command begins with: the settings, the log, and a house whose database is there and of this version."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.engine import Engine

from config.logging import set_up_logging
from config.settings import Settings, read_settings
from sync_service.store.database import open_database
from sync_service.store.migrate import is_current
from sync_service.wiring import House, build

ADDRESS = "address"
"""The file in the data directory in which a running `okr-sync up` tells where it is reached."""


def settings_for(*, quiet: bool = False) -> Settings:
    """Read the settings and set up the log; a `quiet` command logs only what is wrong."""
    settings = read_settings()
    set_up_logging(settings.log_format, level=logging.WARNING if quiet else logging.INFO)
    return settings


def open_house() -> House:
    """Give the house for a command that asks or changes something."""
    settings = settings_for(quiet=True)
    return house_of(settings)


def house_of(settings: Settings) -> House:
    """Join a house on a database that is there; its connections end with the command."""
    require_database(settings)
    house = build(settings)
    command = click.get_current_context()
    command.call_on_close(house.engine.dispose)
    command.call_on_close(house.redis.close)
    return house


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """Open the database alone; leaves no connection open, so that a process may fork."""
    engine = open_database(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def require_database(settings: Settings) -> None:
    """Check that the database is there and of this version."""
    url = make_url(settings.database_url)
    # Opening an absent SQLite file would make it.
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise click.ClickException(f"there is no database at {url.database} yet; run okr-sync up or okr-sync migrate")
    with opened(settings) as engine:
        if not is_current(engine):
            raise click.ClickException("the database is not of this version; run okr-sync migrate")


def address_of(settings: Settings) -> str:
    """Give the address for links: the one that was set, else that of a running `okr-sync up`, else the default."""
    told = settings.data_dir / ADDRESS
    if settings.given_base_url is None and told.is_file():
        return told.read_text(encoding="utf-8")
    return settings.base_url
