"""The commands `check-in` and `step`: what people enter about a key result by hand."""

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.cli.people.account import actor
from sync_service.cli.people.people_commands import known_address
from sync_service.cli.startup import open_services
from sync_service.cli.status_commands import find_key_result
from sync_service.domain.people.check_in import (
    Author,
    CheckIn,
    CheckInRefused,
    Unlikely,
    one_line,
    read_confidence,
    read_number,
)
from sync_service.progress.manual import check_ins, step_ticks
from sync_service.store.engine.database import writing
from sync_service.store.tables import person

as_person = click.option("--as", "email", metavar="EMAIL", help="The person who says so, with their rights.")


@click.command("check-in", short_help="Check in on a key result.")
@click.argument("slug", metavar="KR")
@click.option("--confidence", default="", metavar="N", help="Tenths of the chance to reach the target, 0 to 10.")
@click.option("--value", default="", metavar="V", help="The value now; only where the measure is manual.")
@click.option("--note", default="", help="A note, 500 characters at most.")
@click.option("--blockers", default="", help="What is in the way, 500 characters at most.")
@as_person
@click.option("--yes", is_flag=True, help="Take a value that is ten times past the target, or away from it.")
@click.option("--correct", type=int, metavar="ID", help="Replace this earlier check-in of the same author.")
@click.option("--withdraw", type=int, metavar="ID", help="Withdraw this earlier check-in of the same author.")
def check_in(
    slug: str, *, email: str | None, yes: bool, correct: int | None, withdraw: int | None, **texts: str
) -> None:
    """Check in on a key result: at least one of confidence, value, note and blockers.

    Without --as, it is whoever runs the command, as an admin. The worker computes a value soon after. Check-ins are
    corrected or withdrawn by their author; explain shows their ids.
    """
    if withdraw is not None and (correct is not None or any(texts.values())):
        raise click.UsageError("--withdraw stands alone: it takes nothing but --as")
    services = open_services()
    try:
        entered = CheckIn(
            confidence=read_confidence(texts["confidence"]),
            value=read_number(texts["value"]),
            note=one_line(texts["note"]),
            blockers=one_line(texts["blockers"]),
        )
        with writing(services.engine) as tx:
            view = find_key_result(tx, slug, services.now())
            author, now = _author(tx, email, "check-in"), services.now()
            if withdraw is not None:
                check_ins.withdraw(tx, view, withdraw, author=author, now=now)
                done = f"withdrew check-in {withdraw} on {view.slug}"
            elif correct is not None:
                id_ = check_ins.correct(tx, view, correct, entered, author=author, now=now, confirmed=yes)
                done = f"corrected check-in {correct} on {view.slug} (now check-in {id_})"
            else:
                id_ = check_ins.check_in(tx, view, entered, author=author, now=now, confirmed=yes)
                done = f"checked in on {view.slug} by {author.name} (check-in {id_})"
    except Unlikely as question:
        raise click.ClickException(f"{question} If it is, add --yes.") from question
    except CheckInRefused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(done)


@click.command(short_help="Mark a step as done or open.")
@click.argument("slug", metavar="KR")
@click.argument("step")
@click.argument("state", type=click.Choice(["done", "open"]))
@as_person
def step(slug: str, step: str, state: str, *, email: str | None) -> None:
    """Mark a step of a key result as done or open: STEP is its number or its name."""
    services = open_services()
    try:
        with writing(services.engine) as tx:
            view = find_key_result(tx, slug, services.now())
            author = _author(tx, email, "step")
            one = step_ticks.set_done(tx, view, step, done=state == "done", author=author, now=services.now())
    except CheckInRefused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"{view.slug}, step {one.number} ({one.name}): {state}")


def _author(tx: Connection, email: str | None, command: str) -> Author:
    if email is None:
        return Author(actor(command), "admin")
    found = tx.execute(sa.select(person).where(person.c.email == known_address(tx, email))).one()
    return Author(found.name, found.role, person_id=found.id, email=found.email, through=actor(command))


COMMANDS = (check_in, step)
