"""The commands `status` and `explain`: the state of the service, and the reasons of a value."""

import json
from collections.abc import Sequence
from datetime import datetime

import click
import sqlalchemy as sa
from redis.exceptions import RedisError
from sqlalchemy.engine import Connection

from sync_service.cli import output
from sync_service.cli.forecasts.explain_issue import print_issue
from sync_service.cli.forecasts.forecast_output import forecast_lines
from sync_service.cli.lines.line_output import line_json, line_lines
from sync_service.cli.people.check_in_text import SHOWN, check_in_json, check_in_lines
from sync_service.cli.startup import open_services
from sync_service.cli.times import end_of
from sync_service.domain.measures.line import DayValue
from sync_service.domain.text import did_you_mean, instant
from sync_service.progress.explanation import Explanation, explain_value
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.runtime.instance_lock import read_process_status
from sync_service.runtime.wiring import Services
from sync_service.runtime.worker import count_workers
from sync_service.store.engine.database import reading
from sync_service.store.okrs import key_results, query_listings
from sync_service.store.tables import live_key_result
from sync_service.store.views.check_ins import check_in_views
from sync_service.store.views.forecasts.forecast_view import forecast_view
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from sync_service.store.views.people import named_accounts
from sync_service.store.views.service_status import backlogs, connection_views
from sync_service.web.api import models
from sync_service.web.api.forecasts.models import forecast_words_json


@click.command(short_help="Print the status of the service.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Print connections and scopes, due, late and buried rows, workers, and the processes of `okr-sync up`."""
    services = open_services()
    with reading(services.engine) as tx:
        connections, waiting = connection_views(tx), backlogs(tx)
    found = output.StatusReport(
        connections, waiting, _count_workers(services), read_process_status(services.settings.data_dir)
    )
    if as_json:
        click.echo(json.dumps(output.status_json(found), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(output.status_lines(found)))


def _count_workers(services: Services) -> int | None:
    """Return the number of workers; None when Redis does not answer."""
    try:
        return count_workers(services.redis)
    except RedisError:
        return None


@click.command(short_help="Explain the value of a key result.")
@click.argument("slug", metavar="[KR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in the API's form.")
@click.option(
    "--history", "limit", type=click.IntRange(0, 1000), default=20, show_default=True, help="How many changes to show."
)
@click.option(
    "--at",
    "written",
    metavar="TIME",
    help="Explain the value as it was then: 2026-11-02 (the end of the day), 2026-11-02T09:30, or 90m, 24h, 7d ago.",
)
@click.option(
    "--issue",
    "reference",
    metavar="KEY",
    help="Explain an issue instead: what it serves, what closing it is worth, and rule by rule why it matches or not. "
    "KEY, CONNECTION:KEY or its web address.",
)
@click.option("--line", "as_line", is_flag=True, help="Print the value of each day of the cycle instead.")
def explain(
    slug: str | None, *, as_json: bool, limit: int, written: str | None, reference: str | None, as_line: bool
) -> None:
    """Explain a key result: its value, the sum line by line, its issues, and what changed it; at any past time."""
    if reference is not None:
        print_issue(slug, reference, as_json=as_json)
        return
    if slug is None:
        raise click.UsageError("name a key result, or an issue with --issue")
    if as_line and written:
        raise click.UsageError("--line shows all days; leave out --at")
    services = open_services()
    now = services.now()
    with reading(services.engine) as tx:
        view = find_key_result(tx, slug, now)
        at = end_of(written, now, key_results.zone(tx, view.id), option="--at") if written else None
        if as_line:
            _print_line(view, key_result_line(tx, view.id, now), as_json=as_json)
            return
        explanation = explain_value(tx, view.id, at or now)
        if at is not None:
            _print_past(view, at, explanation, as_json=as_json)
            return
        issues, history = issues_view(tx, view.id), history_view(tx, view.id, limit=limit)
        queries = query_listings.toward(tx, view.id)
        check_ins = check_in_views(tx, view.id, limit=SHOWN)
        forecast = forecast_view(tx, view)
        named = named_accounts(tx, key_result_id=view.id)
    if as_json:
        found = output.explain_json(view, issues, history, explanation) | check_in_json(check_ins)
        found |= forecast_words_json(forecast)
        found["accounts"] = [f"{one.words} ({', '.join(one.places)})" for one in named]
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        lines = output.explain_lines(view, issues, history, queries, explanation)
        people = [f"  {one.words} ({', '.join(one.places)})" for one in named]
        meant = ["", "Whom logins mean", *people] if people else []
        click.echo("\n".join([*lines, *check_in_lines(view, check_ins), *forecast_lines(forecast), *meant]))


def _print_past(view: KeyResultView, at: datetime, explanation: Explanation | None, *, as_json: bool) -> None:
    if explanation is None:
        raise click.ClickException(f"{view.slug} has no recorded value as early as {instant(at)}")
    if as_json:
        found = models.Explanation.json_of(explanation)
        click.echo(json.dumps({"slug": view.slug, **found}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(output.past_lines(view, explanation)))


def find_key_result(tx: Connection, slug: str, now: datetime) -> KeyResultView:
    """Return a key result by its slug. Raise `ClickException` with similar slugs when there is none."""
    view = key_result_view(tx, slug, now)
    if view is None:
        raise click.ClickException(f"there is no key result {slug!r}{_suggestion(tx, slug)}")
    return view


def _print_line(view: KeyResultView, line: Sequence[DayValue], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(line_json(view, line), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(line_lines(view, line)))


def _suggestion(tx: Connection, slug: str) -> str:
    known = list(tx.scalars(sa.select(live_key_result.c.slug).order_by(live_key_result.c.slug)))
    return did_you_mean(slug, known) or (f"; there are {', '.join(known[:10])}" if known else "; there is none at all")


COMMANDS = (status, explain)
