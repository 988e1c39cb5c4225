"""The command `web`; in its own module, because the other processes need no web framework in memory."""

import click

from config.gunicorn import WebServer, gunicorn_options
from sync_service.cli.startup import require_database, settings_for
from sync_service.runtime.wiring import build
from sync_service.web.app import create_site

PORT = click.IntRange(0, 65535)


@click.command(short_help="Serve the pages, the API and the webhooks.")
@click.option("--host", help="The interface to listen on. [default: this machine only, unless PORT is set]")
@click.option("--port", type=PORT, help="The port to listen on. [default: PORT, or 8080]")
def web(host: str | None, port: int | None) -> None:
    """Serve the pages, the API and the webhooks."""
    settings = settings_for()
    require_database(settings, patient=True)
    options = gunicorn_options(settings, host=host or settings.host, port=settings.port if port is None else port)
    # Each gunicorn process builds its own services: connections must not be shared across a fork.
    WebServer(lambda: create_site(build(settings)), options).run()


COMMANDS = (web,)
