"""Start-up of every command: the settings, the log, and services on a database with the present schema."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import structlog
from sqlalchemy import make_url
from sqlalchemy.engine import Engine

from config.listening import bind
from config.logging import set_up_logging
from config.settings import Settings, read_settings
from sync_service.runtime.memory import return_large_blocks
from sync_service.runtime.wiring import Services, build, utc_now
from sync_service.store.engine.availability import wait_until_up
from sync_service.store.engine.database import open_database, writing
from sync_service.store.engine.migrate import require_usable
from sync_service.store.people import first_admin

log = structlog.get_logger(__name__)

ADDRESS = "address"
"""The file in the data directory where a running `okr-sync up` writes its address."""

DATABASE_SECONDS = 120.0
"""How long a process that starts waits for a database server that is not up yet."""

WRITE_SECONDS = 60.0
"""How long a command or worker waits on SQLite until other processes let it write; a web request waits less."""


def settings_for(*, quiet: bool = False) -> Settings:
    """Read the settings and set up the log; a `quiet` command logs only warnings and errors."""
    return_large_blocks()
    settings = read_settings()
    set_up_logging(settings.log_format, level=logging.WARNING if quiet else logging.INFO)
    return settings


def open_services() -> Services:
    """Return the services for a command that reads or changes something."""
    settings = settings_for(quiet=True)
    return services_for(settings)


def services_for(settings: Settings, *, patient: bool = False) -> Services:
    """Build the services on an existing database; close their connections when the command ends.

    A `patient` command waits for a database server that is not up yet.
    """
    require_database(settings, patient=patient)
    services = build(settings, write_wait=WRITE_SECONDS)
    command = click.get_current_context()
    command.call_on_close(services.engine.dispose)
    command.call_on_close(services.redis.close)
    return services


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """Open the database alone. Leave no connection open, so that a process may fork."""
    engine = open_database(settings.database_url, write_wait=WRITE_SECONDS)
    try:
        yield engine
    finally:
        engine.dispose()


def await_database(engine: Engine) -> None:
    """Wait for a database server that is not up yet, and say so; raise its error when it does not come up."""

    def say(reason: str) -> None:
        log.warning("the database is not up yet; waiting for it", seconds=DATABASE_SECONDS, error=reason)

    wait_until_up(engine, seconds=DATABASE_SECONDS, say=say)


def require_database(settings: Settings, *, patient: bool = False) -> None:
    """Raise `ClickException` unless the database exists; raise too unless it fits and has the present schema."""
    url = make_url(settings.database_url)
    # Opening a missing SQLite file would create it.
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise click.ClickException(f"there is no database at {url.database} yet; run okr-sync up or okr-sync migrate")
    with open_engine(settings) as engine:
        if patient:
            await_database(engine)
        require_usable(engine)


def bind_or_refuse(host: str, port: int, *, seconds: float) -> socket.socket:
    """Bind a socket, after so many `seconds` at most; raise `ClickException` when the port can't be had."""
    try:
        return bind(host, port, seconds=seconds)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(
            f"cannot listen on {host}, port {port} ({reason}); choose another with --port"
        ) from error


def renew_first_admin_link(settings: Settings, base_url: str) -> str | None:
    """Return a new link for the first admin, which ends earlier ones; None when there is an admin."""
    with open_engine(settings) as engine, writing(engine) as tx:
        token = first_admin.renew_link(tx, utc_now())
    return None if token is None else f"{base_url.rstrip('/')}/first-admin/{token}"


def base_url_for(settings: Settings) -> str:
    """Return the base URL for links: the configured one, else that of a running `okr-sync up`, else the default."""
    address_file = settings.data_dir / ADDRESS
    if settings.given_base_url is None and address_file.is_file():
        return address_file.read_text(encoding="utf-8")
    return settings.base_url
