"""The commands `first-admin`, `sign-in` and `token`: let people and programs in."""

from datetime import datetime, timedelta

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.cli.people.account import actor
from sync_service.cli.startup import (
    base_url_for,
    open_services,
    renew_first_admin_link,
    require_database,
    settings_for,
)
from sync_service.config_file.read.errors import did_you_mean
from sync_service.domain.text import instant
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import audit, auth
from sync_service.store.tables import person


@click.command("first-admin", short_help="Print the link for the first admin.")
def first_admin() -> None:
    """Print a new link by which the first person becomes an admin. It works once; earlier ones end.

    `up` and `web` print one too when they start without any admin.
    """
    settings = settings_for(quiet=True)
    require_database(settings)
    link = renew_first_admin_link(settings, base_url_for(settings))
    if link is None:
        raise click.ClickException("there is an admin already; okr-sync sign-in EMAIL prints a link to sign in with")
    click.echo(link)


@click.command("sign-in", short_help="Print a sign-in link for a person.")
@click.argument("email")
def sign_in(email: str) -> None:
    """Print a sign-in link. It works once, within 15 minutes."""
    services = open_services()
    with writing(services.engine) as tx:
        person_id = auth.person_id_of(tx, email)
        if person_id is None:
            raise click.ClickException(f"nobody has the address {email!r}{_suggestion(tx, email)}")
        token = auth.create_sign_in_link(tx, person_id, services.now())
        what = f"created a sign-in link for {email.strip().lower()}"
        audit.note(tx, actor=actor("sign-in"), what=what, at=services.now())
    click.echo(f"{base_url_for(services.settings)}/sign-in/{token}")


def _suggestion(tx: Connection, email: str) -> str:
    known = list(tx.scalars(sa.select(person.c.email).order_by(person.c.email)))
    return did_you_mean(email, known) or "; add the person to the configuration file and apply it"


@click.group(short_help="Create, list and revoke API tokens.")
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command()
@click.option("--name", required=True, help="A name that says what it is for; revoke needs it.")
@click.option("--role", required=True, type=click.Choice(auth.ROLES), help="What it may do.")
@click.option("--days", type=click.IntRange(1, 3650), help="How many days it is valid; without: until it is revoked.")
def create(name: str, role: str, days: int | None) -> None:
    """Create a token and print it once; only its hash is stored."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise click.UsageError("--name must have 1 to 100 characters that can be printed")
    services = open_services()
    now = services.now()
    expires_at = now + timedelta(days=days) if days else None
    with writing(services.engine) as tx:
        try:
            secret = auth.create_api_token(tx, name=name, role=role, now=now, expires_at=expires_at)
        except auth.NameTaken as error:
            raise click.ClickException(
                f"there is a token named {name!r} already; revoke it, or use another name"
            ) from error
        until = f" until {instant(expires_at)}" if expires_at else ""
        what = f"created the API token {name} with the role {role}{until}"
        audit.note(tx, actor=actor("token create"), what=what, at=now)
    click.echo(secret)
    click.echo("Save it now: it is not shown again. Send it as Authorization: Bearer TOKEN", err=True)


@token.command("list")
def list_tokens() -> None:
    """List the tokens that are not revoked.

    Only their names: a token itself is shown once, when it is created.
    """
    services = open_services()
    with reading(services.engine) as tx:
        found = auth.api_tokens(tx)
    for one in found:
        click.echo(f"{one.name}: {one.role}, created {instant(one.created_at)}, {_validity(one, services.now())}")
    if not found:
        click.echo("there is no token; create one: okr-sync token create --name NAME --role ROLE")


def _validity(one: auth.ApiToken, now: datetime) -> str:
    if one.expires_at is None:
        return "valid until it is revoked"
    return f"{'valid until' if one.expires_at > now else 'expired'} {instant(one.expires_at)}"


@token.command()
@click.option("--name", required=True, help="The name of the token.")
def revoke(name: str) -> None:
    """Revoke a token; it stops working at once."""
    services = open_services()
    with writing(services.engine) as tx:
        if not auth.revoke_api_token(tx, name, services.now()):
            known = [one.name for one in auth.api_tokens(tx)]
            alternatives = f"; there are {', '.join(known)}" if known else "; there is none at all"
            raise click.ClickException(f"there is no token named {name!r}{did_you_mean(name, known) or alternatives}")
        audit.note(tx, actor=actor("token revoke"), what=f"revoked the API token {name}", at=services.now())
    click.echo(f"revoked {name}")


COMMANDS = (first_admin, sign_in, token)
