"""The commands `people list`, `remove`, `sessions` and `accounts`: who may come in, and an end to it."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.cli.people.account import actor
from sync_service.cli.startup import open_services
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.errors import did_you_mean
from sync_service.config_file.read.state import State
from sync_service.domain.text import instant
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import audit, auth
from sync_service.store.tables import person
from sync_service.store.trackers import accounts
from sync_service.store.views.people import AccountLine, PersonLine, account_lines, owned_by, person_lines


@click.group(short_help="List and remove people, and end their sessions.")
def people() -> None:
    """List the people who may sign in, remove one, list or end one's sessions, and list accounts at trackers."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_people(*, as_json: bool) -> None:
    """List everybody who may sign in."""
    services = open_services()
    with reading(services.engine) as tx:
        found = person_lines(tx, services.now())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: Sequence[PersonLine]) -> Sequence[str]:
    if not found:
        return ["there are no people yet; name them in a configuration file and apply it"]
    widest = max(len(one.email) for one in found)
    return [
        f"{one.email:<{widest}}  {one.role:<6}  {one.sessions} session{'' if one.sessions == 1 else 's'}"
        f"  {one.name}{f' ({one.team})' if one.team else ''}"
        for one in found
    ]


@people.command()
@click.argument("email")
def remove(email: str) -> None:
    """Remove a person, with sessions and sign-in links.

    They end at once. What the person owned has no owner any more. Values and their history stay as they
    are. A configuration file that still names the person adds them again.
    """
    services = open_services()
    with reading(services.engine) as tx:
        address = known_address(tx, email)
        owned = list(owned_by(tx, address))

    def choose(state: State) -> list[Change]:
        fields = state["people"].get(address)
        return [] if fields is None else [Change("people", address, fields, None)]

    applying = ConfigApplier.of(services, actor=actor("people remove"), audit_text="removed a person")
    applying.apply_changes(choose)
    click.echo(f"removed {address}; remove the person from the configuration file too")
    if owned:
        click.echo(f"without an owner now: {', '.join(owned)}")


@people.command()
@click.argument("email")
@click.option("--end", is_flag=True, help="End them all, and the sign-in links that were not used.")
def sessions(email: str, *, end: bool) -> None:
    """List a person's sessions, or end them."""
    services = open_services()
    with writing(services.engine) as tx:
        address = known_address(tx, email)
        person_id = auth.person_id_of(tx, address)
        assert person_id is not None
        found = auth.sessions_of(tx, person_id, services.now())
        if end:
            auth.end_sessions(tx, person_id)
            what = f"ended {len(found)} sessions of {address}"
            audit.note(tx, actor=actor("people sessions"), what=what, at=services.now())
    for one in found:
        click.echo(f"since {instant(one.started_at)}, until {instant(one.expires_at)}")
    click.echo(f"ended: {len(found)}" if end else f"sessions: {len(found)}")


@people.command("accounts")
@click.argument("email", required=False)
@click.option("--forget", is_flag=True, help="Forget which accounts a person's logins meant: the next ones seen count.")
def list_accounts(email: str | None, *, forget: bool) -> None:
    """List people's accounts at trackers: the id that each login had when it was first seen, and who has it now.

    Another account with the same login is not the person, and its /okr comments make no links.
    """
    if forget and email is None:
        raise click.UsageError("--forget needs the e-mail address of a person")
    services = open_services()
    with writing(services.engine) as tx:
        found = account_lines(tx, None if email is None else known_address(tx, email))
        if forget:
            accounts.forget(tx, {(one.kind, one.login) for one in found})
            what = f"forgot which tracker accounts {email} has"
            audit.note(tx, actor=actor("people accounts"), what=what, at=services.now())
    for one in found:
        click.echo(_account_text(one))
    if forget:
        click.echo("forgotten: the next account that is seen with a login counts")


@people.command("forget")
@click.argument("kind")
@click.argument("login")
def forget_login(kind: str, login: str) -> None:
    """Forget which account a LOGIN in rules means at trackers of a KIND: the next one seen with it counts."""
    services = open_services()
    with writing(services.engine) as tx:
        known = accounts.forget(tx, [(kind, login)])
        if known:
            what = f"forgot which {kind} account {login} is"
            audit.note(tx, actor=actor("people forget"), what=what, at=services.now())
    if not known:
        raise click.ClickException(f"no {kind} account is known for {login!r}")
    click.echo("forgotten: the next account that is seen with the login counts")


def _account_text(one: AccountLine) -> str:
    text = f"{one.email}  {one.kind}  {one.login}"
    if one.first_seen_at is None:
        return f"{text}  no id seen"
    text += f"  id {one.stable_id} at {one.site} since {instant(one.first_seen_at)}"
    if one.stranger_seen_at is None:
        return text
    return f"{text}; another account, id {one.stranger_id}, has this login since {instant(one.stranger_seen_at)}"


def known_address(tx: Connection, email: str) -> str:
    """Return a person's address as it is stored. Raise `ClickException` when there is nobody."""
    known = list(tx.scalars(sa.select(person.c.email).order_by(person.c.email)))
    address = email.strip().lower()
    if address not in known:
        raise click.ClickException(f"nobody has the address {email!r}{did_you_mean(email, known)}")
    return address


COMMANDS = (people,)
