"""The commands `sign-in` and `token`: let people and programs in."""

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.cli.startup import address_of, open_house
from sync_service.config_file.read.errors import meant
from sync_service.store.engine.database import writing
from sync_service.store.people import auth
from sync_service.store.tables import person


@click.command("sign-in", short_help="Print a sign-in link for a person.")
@click.argument("email")
def sign_in(email: str) -> None:
    """Print a sign-in link. It works once, within 15 minutes. This is how the first admin signs in."""
    house = open_house()
    with writing(house.engine) as tx:
        person_id = auth.person_id_of(tx, email)
        if person_id is None:
            raise click.ClickException(f"nobody has the address {email!r}{_suggestion(tx, email)}")
        token = auth.create_sign_in_link(tx, person_id, house.now())
    click.echo(f"{address_of(house.settings)}/sign-in/{token}")


def _suggestion(tx: Connection, email: str) -> str:
    known = list(tx.scalars(sa.select(person.c.email).order_by(person.c.email)))
    return meant(email, known) or "; add the person to the configuration file and apply it"


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
    house = open_house()
    with writing(house.engine) as tx:
        try:
            secret = auth.create_api_token(tx, name=name, role=role, now=house.now())
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
    house = open_house()
    with writing(house.engine) as tx:
        if not auth.revoke_api_token(tx, name, house.now()):
            known = auth.api_token_names(tx)
            alternatives = f"; there are {', '.join(known)}" if known else "; there is none at all"
            raise click.ClickException(f"there is no token named {name!r}{meant(name, known) or alternatives}")
    click.echo(f"revoked {name}")


COMMANDS = (sign_in, token)
