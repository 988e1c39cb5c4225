"""The command `reconcile`: poll trackers now, with a progress bar."""

import time
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.cli.startup import open_house
from sync_service.runtime.wiring import House
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import polls
from sync_service.store.queue import scheduled_tasks
from sync_service.store.tables import connection

STEPS = 1000
"""Steps of the progress bar for each scope."""

PAUSE_SECONDS = 0.2
"""How often to check the progress of a worker."""

FOLLOWS = ("look", "rule_revision", "relink", "recompute")
"""Tables to drain here before the result is printed, whether a service runs or not."""


@click.command(short_help="Poll trackers now for changes.")
@click.argument("slug", metavar="[CONNECTION]", required=False)
def reconcile(slug: str | None) -> None:
    """Ask trackers now what changed and what was missed, and wait for the result; one connection, or all.

    Safe at any moment, also while the service runs. When you interrupt it, the service continues.
    """
    house = open_house()
    connection_ids = _connections(house, slug)
    poll_ids = _begin(house, connection_ids)
    with click.progressbar(length=STEPS * len(poll_ids), label="Reconciling") as bar:
        while any(_is_active(one) for one in _read(house, poll_ids)):
            if not house.drains.by_table["poll"]():
                time.sleep(PAUSE_SECONDS)  # a worker does it, or the tracker has a rate limit
            bar.update(sum(map(_steps_done, _read(house, poll_ids))) - bar.pos)
    for name in FOLLOWS:
        house.drains.drain(name)
    for one in [*_read(house, poll_ids), *_run_scheduled_tasks(house, connection_ids)]:
        click.echo(f"{one.slug}, {one.name}: {one.outcome}")


def _connections(house: House, slug: str | None) -> list[int]:
    """Return the ids of the connections to poll."""
    known = sa.select(connection.c.id)
    with reading(house.engine) as tx:
        ids = list(tx.scalars(known if slug is None else known.where(connection.c.slug == slug)))
    if slug is not None and not ids:
        raise click.ClickException(f"there is no connection {slug!r}")
    return ids


def _run_scheduled_tasks(house: House, connection_ids: list[int]) -> list[Row[Any]]:
    """Run the scheduled tasks that are due, or wait for the worker that runs them; rate-limited ones are left out."""
    while True:
        with reading(house.engine) as tx:
            found = scheduled_tasks.read(tx, connection_ids)
        if not any(one.lease is not None or one.is_due for one in found):
            return [one for one in found if one.name != scheduled_tasks.CALLER]
        if not house.drains.by_table["errand"]():
            time.sleep(PAUSE_SECONDS)


def _begin(house: House, connection_ids: list[int]) -> list[int]:
    """Make polls and scheduled tasks due; return the ids of the polls."""
    with writing(house.engine) as tx:
        for connection_id in connection_ids:
            polls.hurry(tx, connection_id)
            scheduled_tasks.ensure(tx, connection_id)
        poll_ids = [row.id for row in polls.all_of(tx, connection_ids)]
    if not poll_ids:
        raise click.ClickException("nothing can be polled: a connection needs credentials and at least one scope")
    return poll_ids


def _read(house: House, ids: list[int]) -> list[Row[Any]]:
    with reading(house.engine) as tx:
        return polls.read(tx, ids)


def _is_active(one: Row[Any]) -> bool:
    """Return whether a poll is running or due; a rate-limited one is left to the service."""
    return one.lease is not None or one.is_due


def _steps_done(one: Row[Any]) -> int:
    """Return the progress of a poll in steps of the bar; an import knows roughly how many issues there are."""
    if not _is_active(one):
        return STEPS
    return min(STEPS * one.seen // one.expected, STEPS - 1) if one.expected and one.cursor else 0


COMMANDS = (reconcile,)
