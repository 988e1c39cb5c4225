"""The command `web`; in its own module, because the other processes need no web framework in memory."""

import click

from config.gunicorn import WebServer, gunicorn_options
from config.listening import local_url
from sync_service.cli.startup import bind_or_refuse, renew_first_admin_link, require_database, settings_for
from sync_service.runtime.wiring import build
from sync_service.web.app import create_site

PORT = click.IntRange(0, 65535)

BUSY_SECONDS = 5.0
"""How long to wait for a port that a web process before this one still has."""


@click.command(short_help="Serve the pages, the API and the webhooks.")
@click.option("--host", help="The interface to listen on. [default: this machine only, unless PORT is set]")
@click.option("--port", type=PORT, help="The port to listen on. [default: PORT, or 8080]")
def web(host: str | None, port: int | None) -> None:
    """Serve the pages, the API and the webhooks. While there is no admin, print the link for the first one."""
    settings = settings_for()
    require_database(settings, patient=True)
    host = host or settings.host
    bound = bind_or_refuse(host, settings.port if port is None else port, seconds=BUSY_SECONDS)
    address = settings.given_base_url or local_url(host, bound.getsockname()[1])
    link = renew_first_admin_link(settings, address)
    if link is not None:
        click.echo(f"There is no admin yet. Open this link to become the first one: {link}")
    options = gunicorn_options(settings, bound=bound.detach())
    # Each gunicorn process builds its own services: connections must not be shared across a fork.
    WebServer(lambda: create_site(build(settings)), options).run()


COMMANDS = (web,)
