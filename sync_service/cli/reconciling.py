"""The command that asks trackers what changed and what was missed, now and with a progress bar."""

import time
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.cli.starting import open_house
from sync_service.store import errands, polls
from sync_service.store.database import reading, writing
from sync_service.store.tables import connection
from sync_service.wiring import House

STEPS = 1000
"""Of the bar, for each scope."""

PAUSE_SECONDS = 0.2
"""Between two looks at what a worker does meanwhile."""

FOLLOWS = ("look", "rule_revision", "relink", "recompute")
"""What is done here too before the result is told, whether a service runs or not."""


@click.command(short_help="Ask trackers now what changed.")
@click.argument("slug", metavar="[CONNECTION]", required=False)
def reconcile(slug: str | None) -> None:
    """Ask trackers now what changed and what was missed, and wait until it is known; of one connection, or of all.

    Safe at any moment, beside a running service too; interrupted, the service goes on where it was.
    """
    house = open_house()
    connection_ids = _connections(house, slug)
    asked = _begin(house, connection_ids)
    with click.progressbar(length=STEPS * len(asked), label="Reconciling") as bar:
        while any(_runs(one) for one in _read(house, asked)):
            if not house.drains.by_table["poll"]():
                time.sleep(PAUSE_SECONDS)  # a worker is at it, or the tracker asks for patience
            bar.update(sum(map(_place, _read(house, asked))) - bar.pos)
    for name in FOLLOWS:
        house.drains.drain(name)
    for one in [*_read(house, asked), *_run_errands(house, connection_ids)]:
        click.echo(f"{one.slug}, {one.name}: {one.outcome}")


def _connections(house: House, slug: str | None) -> list[int]:
    """Give the ids of the connections that are asked about."""
    known = sa.select(connection.c.id)
    with reading(house.engine) as tx:
        ids = list(tx.scalars(known if slug is None else known.where(connection.c.slug == slug)))
    if slug is not None and not ids:
        raise click.ClickException(f"there is no connection {slug!r}")
    return ids


def _run_errands(house: House, connection_ids: list[int]) -> list[Row[Any]]:
    """Run the errands that are due, or wait for who does; one that waits for its tracker is left to the service."""
    while True:
        with reading(house.engine) as tx:
            found = errands.read(tx, connection_ids)
        if not any(one.lease is not None or one.is_due for one in found):
            return [one for one in found if one.name != errands.CALLER]
        if not house.drains.by_table["errand"]():
            time.sleep(PAUSE_SECONDS)


def _begin(house: House, connection_ids: list[int]) -> list[int]:
    """Make polls and errands due; give the polls' ids."""
    with writing(house.engine) as tx:
        for connection_id in connection_ids:
            polls.hurry(tx, connection_id)
            errands.ensure(tx, connection_id)
        asked = [row.id for row in polls.all_of(tx, connection_ids)]
    if not asked:
        raise click.ClickException("nothing can be asked: a connection needs credentials and at least one scope")
    return asked


def _read(house: House, ids: list[int]) -> list[Row[Any]]:
    with reading(house.engine) as tx:
        return polls.read(tx, ids)


def _runs(one: Row[Any]) -> bool:
    """Tell whether a run is under way or due; one that waits for its tracker's patience is left to the service."""
    return one.lease is not None or one.is_due


def _place(one: Row[Any]) -> int:
    """Give how far a run has come, in steps of the bar; an import knows about how many issues it will see."""
    if not _runs(one):
        return STEPS
    return min(STEPS * one.seen // one.expected, STEPS - 1) if one.expected and one.cursor else 0


COMMANDS = (reconcile,)
