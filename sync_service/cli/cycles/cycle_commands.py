"""The commands `cycle close`, `settle`, `refreeze` and `carry-over`: the end of a cycle."""

from collections.abc import Callable, Sequence

import click
from sqlalchemy.engine import Connection

from sync_service.cli.people.account import actor
from sync_service.cli.startup import open_services
from sync_service.config_file.edit.carry_over import CarryOver, NotCarried
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.domain.cycles.outcomes import Outcome
from sync_service.domain.text import amount, counted, instant, percent
from sync_service.progress.cycles.closing import Closer, NotPossible, line_of
from sync_service.runtime.wiring import Services
from sync_service.store.cycles import refreezes
from sync_service.store.engine.database import reading
from sync_service.store.views.cycles.closing import ClosingLine, ClosingView, closing_view

OUTCOMES = [one.value for one in Outcome]


@click.group(short_help="Close a cycle, and settle its outcomes.")
def cycle() -> None:
    """Close a cycle once its days of grace are over, and settle the scores and outcomes of its key results."""


@cycle.command()
@click.argument("slug", metavar="CYCLE")
@click.option("--preview", is_flag=True, help="Only print what is proposed.")
def close(slug: str, *, preview: bool) -> None:
    """Make the numbers of a cycle final, and print the scores and outcomes that are proposed.

    Numbers become final by themselves when the days of grace are over; this command does it where no worker ran since.
    """
    services = open_services()
    if not preview:
        _change(services, "cycle close", slug, lambda closer, view: closer.close(view))
    with reading(services.engine) as tx:
        _print(_find(tx, services, slug))


@cycle.command()
@click.argument("slug", metavar="CYCLE")
@click.argument("key_result", metavar="[KR]", required=False)
@click.option("--outcome", type=click.Choice(OUTCOMES), help="In place of the proposed one; needs KR.")
def settle(slug: str, key_result: str | None, outcome: str | None) -> None:
    """Settle the outcome and the score of a key result, or all that are proposed."""
    if outcome is not None and key_result is None:
        raise click.UsageError("--outcome needs a key result")

    def change(closer: Closer, view: ClosingView) -> Sequence[int]:
        if key_result is None:
            for one in closer.settle_proposed(view):
                click.echo(f"{one.slug}: no data, so nothing is proposed; settle it with --outcome", err=True)
        else:
            closer.settle(view.slug, _line(view, key_result), Outcome(outcome) if outcome else None)
        return ()

    services = open_services()
    _change(services, "cycle settle", slug, change)
    with reading(services.engine) as tx:
        _print(_find(tx, services, slug))


@cycle.command()
@click.argument("slug", metavar="CYCLE")
@click.argument("key_result", metavar="[KR]", required=False)
def refreeze(slug: str, key_result: str | None) -> None:
    """Compute final numbers once more that were stale or partly seen.

    Poll first (okr-sync reconcile). Each key result can be refrozen once, before its outcome is settled. They are
    computed one after the other; if this command is killed, a worker goes on.
    """
    asked: set[int] = set()

    def change(closer: Closer, view: ClosingView) -> Sequence[int]:
        asked.update(closer.refreeze([_line(view, key_result)] if key_result else view.key_results))
        click.echo(f"{counted(len(asked), 'key result')} being computed once more, one after the other", err=True)
        return sorted(asked)

    services = open_services()
    _change(services, "cycle refreeze", slug, change)
    with reading(services.engine) as tx:
        found = [one for one in _find(tx, services, slug).key_results if one.id in asked]
    click.echo(f"refrozen: {', '.join(one.slug for one in found if not one.refreezing) or 'none'}")
    for one in found:
        if one.refreezing:
            click.echo(f"{one.slug}: {one.refreezing}", err=True)


@cycle.command("carry-over")
@click.argument("slug", metavar="CYCLE")
@click.argument("key_results", metavar="[KR]...", nargs=-1)
@click.option("--into", required=True, metavar="NEXT", help="The cycle of the successors.")
@click.option("--rules", is_flag=True, help="Copy their rules.")
@click.option("--links", is_flag=True, help="Copy their manual links.")
@click.option("--preview", is_flag=True, help="Only print what would change.")
def carry_over(slug: str, key_results: tuple[str, ...], *, into: str, rules: bool, links: bool, preview: bool) -> None:
    """Carry key results over into the next cycle: the named ones, or all that were missed and have no successor.

    A successor has a slug of its own (KR-1-q1 for KR-1), in a copy of its objective. Cumulative measures start
    with the settled value. Labels and commands that name the old key result link to its successor too.
    """
    services = open_services()
    text = f"carried over from {slug} into {into}"
    applying = ConfigApplier.of(services, actor=actor("cycle carry-over"), audit_text=text)
    carrying = CarryOver(applying=applying, cycle=slug, into=into, slugs=key_results, rules=rules, links=links)
    try:
        plan = carrying.preview() if preview else carrying.carry_out()
    except NotCarried as error:
        raise click.ClickException(str(error)) from error
    for line in plan.lines():
        click.echo(line)
    if preview:
        click.echo("preview: nothing was changed")


def _change(
    services: Services, command: str, slug: str, change: Callable[[Closer, ClosingView], Sequence[int]]
) -> None:
    """Change a cycle as whoever runs the command, and compute the key results that this asks for."""
    who, engine = actor(command), services.engine
    with reading(engine) as tx:
        view = _find(tx, services, slug)
    try:
        ids = change(Closer(engine=engine, by=who, actor=who, now=services.now()), view)
    except NotPossible as error:
        raise click.ClickException(str(error)) from error

    def any_due() -> bool:
        with reading(engine) as tx:
            return bool(ids) and refreezes.any_due(tx, ids)

    services.drains.drain_while("recompute", any_due)


def _find(tx: Connection, services: Services, slug: str) -> ClosingView:
    found = closing_view(tx, slug, services.now())
    if found is None:
        raise click.ClickException(f"there is no cycle {slug!r}")
    return found


def _line(view: ClosingView, slug: str) -> ClosingLine:
    found = line_of(view, slug)
    if found is None:
        raise click.ClickException(f"the cycle {view.slug} has no key result {slug!r}")
    return found


def _print(view: ClosingView) -> None:
    if not view.final:
        click.echo(f"{view.slug}: the numbers become final on {instant(view.freezes_at)}")
    for one in view.key_results:
        click.echo(_text(one))
    if view.under_way:
        click.echo(view.under_way)
    if view.settled_at is not None:
        click.echo(f"settled on {instant(view.settled_at)}")


def _text(one: ClosingLine) -> str:
    value = amount(one.current, one.unit, one.target) if one.current is not None else "no data"
    score = f", score {percent(one.score)}" if one.score is not None else ""
    outcome = f", {one.outcome} ({'settled' if one.settled else 'proposed'})" if one.outcome else ""
    notes = [f"proposed value {amount(one.lapsed, one.unit)} lapsed"] if one.lapsed is not None else []
    if one.frozen and one.frozen.stale:
        notes.append(f"stale: {one.frozen.stale.reason}")
    if one.frozen and one.frozen.partial:
        notes.append(f"partly seen: {one.frozen.partial}")
    if one.refreezing:
        notes.append(one.refreezing)
    return f"{one.slug}  {value}{score}{outcome}{''.join(f'; {note}' for note in notes)}"


COMMANDS = (cycle,)
