"""`okr-sync explain --issue`: what an issue serves, what closing it is worth, and what each rule says of it."""

import json

import click
from sqlalchemy.engine import Connection

from sync_service.cli.forecasts.issue_output import issue_lines
from sync_service.cli.rules.tried_issue import trial_json, trial_lines
from sync_service.cli.startup import open_services
from sync_service.domain.text import listed
from sync_service.progress.forecasts.explain_issue import explain_issue, references
from sync_service.progress.previews.try_issue import TriedIssue, UnknownIssueError, try_issue
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import reading
from sync_service.store.views.key_results import key_result_views
from sync_service.web.api.forecasts.issue_models import issue_json


def print_issue(slug: str | None, reference: str, *, as_json: bool) -> None:
    """Print an issue by its key or address, or by CONNECTION:KEY where several connections have the key."""
    if slug is not None:
        raise click.UsageError("--issue explains an issue; leave out the key result")
    services = open_services()
    with reading(services.engine) as tx:
        tried = _tried(tx, reference, services)
        if len(tried) == 1:
            reference = f"{tried[0].connection}:{tried[0].key}"
        found = explain_issue(tx, _reference(tx, reference), services.now())
        views = {one.slug: one for one in key_result_views(tx, services.now())}
    if found is None:
        raise click.ClickException(f"no issue {reference!r} is known")
    if as_json:
        click.echo(json.dumps(issue_json(found) | trial_json(tried), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join([*issue_lines(found, views), *trial_lines(tried)]))


def _tried(tx: Connection, reference: str, services: Services) -> list[TriedIssue]:
    try:
        return try_issue(tx, reference, services.connectors)
    except UnknownIssueError:
        return []  # the rest of the command says so


def _reference(tx: Connection, written: str) -> str:
    """Return CONNECTION:KEY of a written key; raise where several connections know it."""
    found = references(tx, written)
    if len(found) > 1:
        raise click.ClickException(f"several connections know {written}: write {listed(found)}")
    return found[0] if found else written
