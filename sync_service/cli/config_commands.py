"""The commands `apply`, `export` and `schema`: the configuration file."""

import json
from typing import BinaryIO

import click

from config.settings import read_environment
from sync_service.cli.people.account import actor
from sync_service.cli.startup import open_services
from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan, RevertsPageEdits
from sync_service.config_file.plan.export import as_json, as_yaml, export_state
from sync_service.config_file.preview.asked_queries import ask_before
from sync_service.config_file.read.json_schema import schema as make_schema
from sync_service.config_file.read.state import read_state
from sync_service.config_file.read.yaml_lines import MAX_FILE_BYTES
from sync_service.domain.text import counted
from sync_service.runtime.wiring import Services, load_connectors
from sync_service.store.engine.database import reading
from sync_service.store.jobs import removals


@click.command(short_help="Make the database match YAML files.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only print what would change.")
@click.option("--prune", is_flag=True, help="Also remove what files made and these no longer have, with its history.")
@click.option("--overwrite", is_flag=True, help="Also undo what people wrote on pages, where the files differ.")
def apply(files: tuple[BinaryIO, ...], *, dry_run: bool, prune: bool, overwrite: bool) -> None:
    """Make the database match YAML files: all of it, or nothing when they have an error.

    The files define the people, the cycles, the connections to GitHub and Jira, the objectives with their key results,
    and the rules and links that say which issues count. Applying the same files again changes nothing. Secrets are
    written env:NAME (a setting), file:PATH (a file beside this one), kept (what is already stored), or in full; they
    are stored encrypted. '-' reads standard input; okr-sync schema prints everything that may be written.

    Trackers are asked about new and changed queries of rules that are not drafts. A query that a tracker rejects is an
    error of the file; where a tracker can't answer now, a warning says so.

    What people wrote on pages stays: files that would undo it are refused, with a line for each field, unless you add
    --overwrite. --prune leaves what was made on a page.

    Output: + is created, ~ is changed, - is removed, ! is undone of what people wrote on pages.
    """
    services = open_services()
    contents = [(file.name, file.read(MAX_FILE_BYTES + 1)) for file in files]
    applying = _applying(services)
    asked = ask_before(applying, contents, prune=prune, ask=services.queries.ask_named)
    if dry_run:
        plan = applying.plan(contents, prune=prune)
    else:
        plan = _apply(applying, contents, prune=prune, overwrite=overwrite)
    for line in plan.lines():
        click.echo(line)
    for line in plan.reverts:
        click.echo(f"! {line}")
    if dry_run and plan.reverts and not overwrite:
        click.echo("applying needs --overwrite: it would undo what people wrote on pages")
    if dry_run and plan.changes:
        click.echo("dry run: nothing was changed")
    for warning in (*plan.warnings, *asked):
        click.echo(f"warning: {warning}", err=True)
    _finish_removals(services)


def _finish_removals(services: Services) -> None:
    """Delete the rows of removed things, and say so. If this is interrupted, a running service continues."""
    if removals.delete_batches(services.engine, batches=0):
        click.echo("deleting what is left of what was removed; nothing of it counts any more", err=True)
        removals.delete_batches(services.engine)


def _apply(applying: ConfigApplier, files: Files, *, prune: bool, overwrite: bool) -> Plan:
    try:
        return applying.apply(files, prune=prune, overwrite=overwrite)
    except RevertsPageEdits as error:
        count = counted(len(error.lines), "edit")
        lines = "\n".join(f"! {line}" for line in error.lines)
        raise click.ClickException(
            f"nothing was applied: {count} on pages would be undone; write them in the files (okr-sync export has "
            f"them), or add --overwrite:\n{lines}"
        ) from error


def _applying(services: Services) -> ConfigApplier:
    return ConfigApplier.of(services, actor=actor("apply"), environment=read_environment())


@click.command(short_help="Print the configuration as a file.")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def export(form: str) -> None:
    """Print the configuration in the form that apply reads; applying it changes nothing. Secrets read "kept"."""
    services = open_services()
    with reading(services.engine) as tx:
        document = export_state(read_state(tx, services.sealer))
    click.echo(as_yaml(document) if form == "yaml" else as_json(document), nl=False)


@click.command(short_help="Print the JSON Schema of the file.")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and generators."""
    click.echo(json.dumps(make_schema(load_connectors().values()), indent=2))


COMMANDS = (apply, export, schema)
