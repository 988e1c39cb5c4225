"""The commands `sign-in` and `token`: let people and programs in."""

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.cli.startup import base_url_for, open_services
from sync_service.config_file.read.errors import did_you_mean
from sync_service.store.engine.database import writing
from sync_service.store.people import auth
from sync_service.store.tables import person


@click.command("sign-in", short_help="Print a sign-in link for a person.")
@click.argument("email")
def sign_in(email: str) -> None:
    """Print a sign-in link. It works once, within 15 minutes. This is how the first admin signs in."""
    services = open_services()
    with writing(services.engine) as tx:
        person_id = auth.person_id_of(tx, email)
        if person_id is None:
            raise click.ClickException(f"nobody has the address {email!r}{_suggestion(tx, email)}")
        token = auth.create_sign_in_link(tx, person_id, services.now())
    click.echo(f"{base_url_for(services.settings)}/sign-in/{token}")


def _suggestion(tx: Connection, email: str) -> str:
    known = list(tx.scalars(sa.select(person.c.email).order_by(person.c.email)))
    return did_you_mean(email, known) or "; add the person to the configuration file and apply it"


@click.group(short_help="Create and revoke API tokens.")
def token() -> None:
    """Create and revoke API tokens."""


@token.command()
@click.option("--name", required=True, help="A name that says what it is for; revoke needs it.")
@click.option("--role", required=True, type=click.Choice(auth.ROLES), help="What it may do.")
def create(name: str, role: str) -> None:
    """Create a token and print it once; only its hash is stored."""
    if not name.strip() or len(name) > 100:
        raise click.UsageError("--name must have 1 to 100 characters")
    services = open_services()
    with writing(services.engine) as tx:
        try:
            secret = auth.create_api_token(tx, name=name, role=role, now=services.now())
        except auth.NameTaken as error:
            raise click.ClickException(
                f"there is a token named {name!r} already; revoke it, or use another name"
            ) from error
    click.echo(secret)
    click.echo("Save it now: it is not shown again. Send it as Authorization: Bearer TOKEN", err=True)


@token.command()
@click.option("--name", required=True, help="The name of the token.")
def revoke(name: str) -> None:
    """Revoke a token; it stops working at once."""
    services = open_services()
    with writing(services.engine) as tx:
        if not auth.revoke_api_token(tx, name, services.now()):
            known = auth.api_token_names(tx)
            alternatives = f"; there are {', '.join(known)}" if known else "; there is none at all"
            raise click.ClickException(f"there is no token named {name!r}{did_you_mean(name, known) or alternatives}")
    click.echo(f"revoked {name}")


COMMANDS = (sign_in, token)
