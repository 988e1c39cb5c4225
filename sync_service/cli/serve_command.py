"""The command `web`; in its own module, because the other processes need no web framework in memory."""

import click

from config.gunicorn import WebServer, gunicorn_options
from sync_service.cli.startup import renew_first_admin_link, require_database, settings_for
from sync_service.runtime.wiring import build
from sync_service.web.app import create_site

PORT = click.IntRange(0, 65535)


@click.command(short_help="Serve the pages, the API and the webhooks.")
@click.option("--host", help="The interface to listen on. [default: this machine only, unless PORT is set]")
@click.option("--port", type=PORT, help="The port to listen on. [default: PORT, or 8080]")
def web(host: str | None, port: int | None) -> None:
    """Serve the pages, the API and the webhooks. While there is no admin, print the link for the first one."""
    settings = settings_for()
    require_database(settings, patient=True)
    port = settings.port if port is None else port
    link = renew_first_admin_link(settings, settings.given_base_url or f"http://127.0.0.1:{port}")
    if link is not None:
        click.echo(f"There is no admin yet. Open this link to become the first one: {link}")
    options = gunicorn_options(settings, host=host or settings.host, port=port)
    # Each gunicorn process builds its own services: connections must not be shared across a fork.
    WebServer(lambda: create_site(build(settings)), options).run()


COMMANDS = (web,)
