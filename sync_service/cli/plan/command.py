"""The command `plan`: what applying files would change, here or asked of a running service."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import click

from config.settings import TOKEN, read_environment
from sync_service.cli.plan.server import ask_server
from sync_service.cli.plan.text import plan_lines, plan_markdown
from sync_service.cli.startup import open_services
from sync_service.config_file.plan.apply import Files
from sync_service.config_file.preview.plan_preview import PlanPreviewer
from sync_service.config_file.read.yaml_lines import MAX_FILE_BYTES
from sync_service.web.api.plan.models import Plan

FORMS: Mapping[str, Callable[[Plan], Iterator[str]]] = {
    "text": plan_lines,
    "markdown": plan_markdown,
    "json": lambda found: iter([json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False)]),
}


@click.command(short_help="Say what applying files would change.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True)
@click.option("--prune", is_flag=True, help="As apply --prune: also remove what these files no longer have.")
@click.option("--server", metavar="URL", help="Ask the service at this address, with the API token in OKR_SYNC_TOKEN.")
def plan(files: tuple[BinaryIO, ...], *, form: str, prune: bool, server: str | None) -> None:
    """Say what applying files would change: value, progress and status of each key result, old and new.

    Nothing is saved. The numbers are computed on a private copy of the database, as apply and the workers compute
    them. The members of a new query are unknown before it is listed. Secrets that the files refer to are not read.

    With --server, a job of a pull request needs only an API token with the role member, in OKR_SYNC_TOKEN, and
    --format markdown for a comment. The exit code is 1 when the files have an error.
    """
    contents = [(file.name, file.read(MAX_FILE_BYTES + 1)) for file in files]
    if server is None:
        found = _here(contents, prune=prune)
    else:
        found = ask_server(server, read_environment().get(TOKEN, ""), contents, prune=prune)
    for line in FORMS[form](found):
        click.echo(line)
    if form == "text":
        for warning in found.warnings:
            click.echo(f"warning: {warning}", err=True)


def _here(contents: Files, *, prune: bool) -> Plan:
    return Plan.model_validate(PlanPreviewer.of(open_services()).preview(contents, prune=prune))


COMMANDS = (plan,)
