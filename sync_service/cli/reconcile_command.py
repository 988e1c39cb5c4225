"""The command `reconcile`: poll trackers now, with a progress bar."""

import time
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.cli.startup import open_services
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import polls
from sync_service.store.queue import scheduled_tasks
from sync_service.store.tables import live_connection

BAR_STEPS = 1000
"""Steps of the progress bar for each scope."""

PAUSE_SECONDS = 0.2
"""How often to check the progress of a worker."""

FOLLOW_UP_TABLES = ("fetch_request", "rule_revision", "relink_request", "recompute")
"""Tables to drain here before the result is printed, whether a service runs or not."""


@click.command(short_help="Poll trackers now for changes.")
@click.argument("slug", metavar="[CONNECTION]", required=False)
def reconcile(slug: str | None) -> None:
    """Ask trackers now what changed and what was missed, and wait for the result; one connection, or all.

    Safe at any moment, also while the service runs. When you interrupt it, the service continues.
    """
    services = open_services()
    connection_ids = _connections(services, slug)
    poll_ids = _begin(services, connection_ids)
    with click.progressbar(length=BAR_STEPS * len(poll_ids), label="Reconciling") as bar:
        while any(_is_active(one) for one in _read(services, poll_ids)):
            if not services.drains.by_table["poll"]():
                time.sleep(PAUSE_SECONDS)  # a worker does it, or the tracker has a rate limit
            bar.update(sum(map(_steps_done, _read(services, poll_ids))) - bar.pos)
    for name in FOLLOW_UP_TABLES:
        services.drains.drain(name)
    for one in [*_read(services, poll_ids), *_run_scheduled_tasks(services, connection_ids)]:
        click.echo(f"{one.slug}, {one.name}: {one.outcome}")


def _connections(services: Services, slug: str | None) -> list[int]:
    """Return the ids of the connections to poll."""
    known = sa.select(live_connection.c.id)
    with reading(services.engine) as tx:
        ids = list(tx.scalars(known if slug is None else known.where(live_connection.c.slug == slug)))
    if slug is not None and not ids:
        raise click.ClickException(f"there is no connection {slug!r}")
    return ids


def _run_scheduled_tasks(services: Services, connection_ids: list[int]) -> list[Row[Any]]:
    """Run the scheduled tasks that are due, or wait for the worker that runs them; rate-limited ones are left out."""
    while True:
        with reading(services.engine) as tx:
            found = scheduled_tasks.read(tx, connection_ids)
        if not any(one.lease is not None or one.is_due for one in found):
            return [one for one in found if one.name != scheduled_tasks.ADD_TASKS]
        if not services.drains.by_table["scheduled_task"]():
            time.sleep(PAUSE_SECONDS)


def _begin(services: Services, connection_ids: list[int]) -> list[int]:
    """Make polls and scheduled tasks due; return the ids of the polls."""
    with writing(services.engine) as tx:
        for connection_id in connection_ids:
            polls.hurry(tx, connection_id)
            scheduled_tasks.ensure(tx, connection_id)
        poll_ids = [row.id for row in polls.all_of(tx, connection_ids)]
    if not poll_ids:
        raise click.ClickException("nothing can be polled: a connection needs credentials and at least one scope")
    return poll_ids


def _read(services: Services, ids: list[int]) -> list[Row[Any]]:
    with reading(services.engine) as tx:
        return polls.read(tx, ids)


def _is_active(one: Row[Any]) -> bool:
    """Return whether a poll is running or due; a rate-limited one is left to the service."""
    return one.lease is not None or one.is_due


def _steps_done(one: Row[Any]) -> int:
    """Return the progress of a poll in steps of the bar; an import knows roughly how many issues there are."""
    if not _is_active(one):
        return BAR_STEPS
    return min(BAR_STEPS * one.seen // one.expected, BAR_STEPS - 1) if one.expected and one.cursor else 0


COMMANDS = (reconcile,)
