"""The commands `rule` and `proposed-links`: the life of a rule, and decisions about links that rules propose."""

from collections.abc import Callable
from datetime import timedelta

import click

from sync_service.cli.people.account import actor
from sync_service.cli.rules.preview_command import preview
from sync_service.cli.rules.query_preview import preview_query
from sync_service.cli.startup import open_services
from sync_service.cli.status_commands import find_key_result
from sync_service.domain.rules.rights import Writer
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import counted, instant
from sync_service.domain.trackers.queries import QueryReply
from sync_service.progress.rules.editor import Refused, RuleEditor
from sync_service.progress.rules.proposed_links import LinkDecider
from sync_service.progress.rules.query_edits import note_of
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import link_decisions, rule_versions
from sync_service.store.views.rule_details.life import RuleLife, rule_life


@click.group(short_help="Show a rule, change its state, go back to a version.")
def rule() -> None:
    """Show a rule and its versions, change its state, go back to an earlier version, remove or review it."""


@rule.command()
@click.argument("slug", metavar="RULE")
def show(slug: str) -> None:
    """Print a rule: its state, its last review, and which other rules match the same issues."""
    with reading(open_services().engine) as tx:
        found = rule_life(tx, slug)
    if found is None:
        raise click.ClickException(f"there is no rule {slug}; okr-sync rule versions {slug} shows a removed one")
    for line in _lines(found):
        click.echo(line)


def _lines(life: RuleLife) -> list[str]:
    one = life.rule
    reviewed = f"{instant(one.reviewed_at)} by {one.reviewed_by}" if one.reviewed_at else "never"
    due = f"; due {instant(life.review_due_at)}" if life.review_due_at else ""
    lines = [
        f"{one.slug}: {one.state.value}, {one.connection} → {one.key_result}, owner {one.owner or 'nobody'}",
        f"  {'query' if one.query else 'when'} {one.words}",
        f"  links {counted(life.status.linked, 'issue')}",
        f"  reviewed {reviewed}{due}",
    ]
    lines += [f"  {counted(other.issues, 'issue')} also by {other.other}: {other.words}" for other in life.overlaps]
    return lines


@rule.command()
@click.argument("slug", metavar="RULE")
def versions(slug: str) -> None:
    """Print the versions of a rule, the newest first, each with its author, time and difference."""
    with reading(open_services().engine) as tx:
        found = rule_versions.read(tx, slug)
    if not found:
        raise click.ClickException(f"there is no rule {slug}, nor was there one")
    for one in found:
        click.echo(f"{one.number}  {instant(one.at)}  {one.changed_by or 'somebody'}: {one.what}")
        for words in one.differences:
            click.echo(f"     {words}")


@rule.command()
@click.argument("slug", metavar="RULE")
@click.argument("wanted", metavar="STATE", type=click.Choice([one.value for one in RuleState]))
def state(slug: str, wanted: str) -> None:
    """Change the state of a rule: active, proposing, draft or disabled."""
    _check(lambda services: services.queries.check_state(slug, RuleState(wanted), role="admin", person_id=None))
    changed = _edit("rule state", lambda editor: editor.set_state(slug, RuleState(wanted)))
    click.echo(f"{slug} is {wanted}" + ("" if changed else " already"))


@rule.command()
@click.argument("slug", metavar="RULE")
@click.argument("number", metavar="VERSION", type=int)
def undo(slug: str, number: int) -> None:
    """Make an earlier version of a rule the newest; this also brings a removed rule back."""
    _check(lambda services: services.queries.check_version(slug, number, role="admin", person_id=None))
    changed = _edit("rule undo", lambda editor: editor.undo(slug, number))
    click.echo(f"{slug} is as in version {number}" + ("" if changed else " already"))


@rule.command()
@click.argument("slug", metavar="RULE")
def remove(slug: str) -> None:
    """Remove a rule. Its versions stay, so that it can come back."""
    _edit("rule remove", lambda editor: editor.remove(slug))
    click.echo(f"{slug} is removed")


@rule.command()
@click.argument("slug", metavar="RULE")
def reviewed(slug: str) -> None:
    """Store that a rule was reviewed today."""
    _edit("rule reviewed", lambda editor: editor.review(slug))
    click.echo(f"{slug} is reviewed")


def _check(check: Callable[[Services], QueryReply | None]) -> None:
    """Let the tracker check the query of a rule before it is saved; print a note where it could not be asked."""
    try:
        note = note_of(check(open_services()))
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    if note:
        click.echo(f"warning: {note}", err=True)


def _edit(command: str, edit: Callable[[RuleEditor], object]) -> object:
    """Edit a rule as whoever runs the command."""
    services, who = open_services(), actor(command)
    try:
        with writing(services.engine) as tx:
            return edit(RuleEditor(tx=tx, writer=Writer(role="admin"), by=who, actor=who, now=services.now()))
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused


@click.command(name="proposed-links", short_help="Accept or decline links that rules propose.")
@click.argument("slug", metavar="KR")
@click.argument("decision", metavar="[accept|decline]", type=click.Choice(["accept", "decline"]), required=False)
@click.argument("issues", metavar="[ISSUE]...", nargs=-1)
def proposed_links(slug: str, decision: str | None, issues: tuple[str, ...]) -> None:
    """Print the links that wait for the owner of a key result; accept or decline those of ISSUEs, or all.

    An ISSUE is CONNECTION:KEY, as printed.
    """
    services, who = open_services(), actor("proposed-links")
    if decision is None:
        with reading(services.engine) as tx:
            for one in link_decisions.waiting(tx, find_key_result(tx, slug, services.now()).id):
                click.echo(f"{one.issue}  {one.title}  (rule {one.rule})")
        return
    settle = timedelta(seconds=services.settings.settle_seconds)
    try:
        with writing(services.engine) as tx:
            decider = LinkDecider.begin(tx, by=who, actor=who, now=services.now(), settle=settle)
            found = find_key_result(tx, slug, services.now())
            decided = decider.decide(found.id, issues or None, accepted=decision == "accept")
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"{counted(len(decided), 'proposed link')} {decision.removesuffix('e')}ed")


rule.add_command(preview)
rule.add_command(preview_query)

COMMANDS = (rule, proposed_links)
