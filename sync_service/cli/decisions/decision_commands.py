"""The commands `proposal`, `override` and `resume`: decide which value of a key result applies."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from sync_service.cli.people.account import actor
from sync_service.cli.startup import open_services
from sync_service.cli.status_commands import find_key_result
from sync_service.cli.times import ahead
from sync_service.domain.measures.applying.applied import Decision, Until
from sync_service.domain.measures.applying.applied_text import why_applied
from sync_service.domain.text import amount
from sync_service.progress.applying.proposals import Decider, Refused
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from sync_service.store.views.key_results import KeyResultView

DECISIONS = {"accept": Decision.ACCEPTED, "decline": Decision.DECLINED}


@click.command(short_help="Accept or decline a proposed value.")
@click.argument("slug", metavar="KR")
@click.argument("decision", type=click.Choice(list(DECISIONS)))
@click.option("--word", default="", help="Why, for the history.")
def proposal(slug: str, decision: str, word: str) -> None:
    """Accept or decline the proposed value of a key result.

    A declined value is not proposed again until another one is computed.
    """
    _decide("proposal", slug, lambda one, found: one.decide(found.id, DECISIONS[decision], word=word))


@click.command(short_help="Override a value.", context_settings={"ignore_unknown_options": True})
@click.argument("slug", metavar="KR")
@click.argument("value", type=float)
@click.option(
    "--until",
    "written",
    metavar="TIME",
    help="When it ends by itself: change (with the next computed value), 2026-11-30 (the end of the day), "
    "2026-11-30T18:00, or 90m, 24h, 7d from now.",
)
def override(slug: str, value: float, written: str | None) -> None:
    """Apply a value in place of the computed one, until it is resumed, or until TIME."""

    def decide(one: Decider, found: KeyResultView) -> None:
        zone = key_results.zone(one.tx, found.id)
        one.override(found.id, value, until=_until(written, one.now, zone) if written else None)

    _decide("override", slug, decide)


def _until(written: str, now: datetime, zone: ZoneInfo) -> Until:
    return "change" if written == "change" else ahead(written, now, zone, option="--until")


@click.command(short_help="End an override.")
@click.argument("slug", metavar="KR")
def resume(slug: str) -> None:
    """End the override of a key result: the computed value applies again, or the last one that was accepted."""
    _decide("resume", slug, lambda one, found: one.resume(found.id))


def _decide(command: str, slug: str, decide: Callable[[Decider, KeyResultView], object]) -> None:
    """Decide as whoever runs the command, and print what applies then."""
    services, who = open_services(), actor(command)
    settle = timedelta(seconds=services.settings.settle_seconds)
    try:
        with writing(services.engine) as tx:
            decider = Decider.begin(tx, by=who, actor=who, now=services.now(), settle=settle)
            decide(decider, find_key_result(tx, slug, decider.now))
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(_applies(services, slug))


def _applies(services: Services, slug: str) -> str:
    with reading(services.engine) as tx:
        view = find_key_result(tx, slug, services.now())
    why = why_applied(view.applied)
    return f"{view.slug}: {amount(view.current, view.unit, view.target)} applies{f'; {why}' if why else ''}"


COMMANDS = (proposal, override, resume)
