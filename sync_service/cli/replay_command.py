"""The command `replay`: make rows due again."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa

from sync_service.cli.people.account import actor
from sync_service.cli.startup import open_services
from sync_service.cli.times import moment
from sync_service.domain.text import counted, plain
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.team_settings import organisation_zone
from sync_service.store.people import audit
from sync_service.store.queue import due
from sync_service.store.tables import delivery


@click.command(short_help="Make rows due again.")
@click.option("--buried", is_flag=True, help="All buried rows: deliveries and everything else that failed.")
@click.option("--delivery", "delivery_id", metavar="ID", help="One delivery, by the tracker's id or by our row id.")
@click.option("--since", metavar="TIME", help="All deliveries received since then: 2026-10-01T12:00, or 90m, 24h, 7d.")
def replay(*, buried: bool, delivery_id: str | None, since: str | None) -> None:
    """Make rows due again; the clock wakes the workers for them within a second.

    A replay is harmless: the newest snapshot of an issue wins, in any order and however often it comes.
    """
    if sum((buried, delivery_id is not None, since is not None)) != 1:
        raise click.UsageError("give exactly one of --buried, --delivery and --since")
    services = open_services()
    with reading(services.engine) as tx:
        zone = organisation_zone(tx)
    chosen = {} if buried else {"delivery": _deliveries(delivery_id, since, services.now(), zone)}
    if buried:
        chosen = {name: table.c.buried_at.isnot(None) for name, table in due.TABLES.items()}
    with writing(services.engine) as tx:
        if delivery_id is not None and not tx.scalar(sa.select(sa.exists().where(chosen["delivery"]))):
            raise click.ClickException(f"there is no delivery {delivery_id!r}")
        what = "buried rows" if buried else f"delivery {delivery_id}" if delivery_id else f"deliveries since {since}"
        audit.note(tx, actor=actor("replay"), what=f"replayed {plain(what)}", at=services.now())
    counts = {name: due.replay_all(services.engine, due.TABLES[name], where) for name, where in chosen.items()}
    by_table = ", ".join(f"{count} of {name}" for name, count in counts.items() if count)
    click.echo(f"due again: {counted(sum(counts.values()), 'row')}" + (f" ({by_table})" if by_table else ""))


def _deliveries(delivery_id: str | None, since: str | None, now: datetime, zone: ZoneInfo) -> sa.ColumnElement[bool]:
    if delivery_id is None:
        return delivery.c.received_at >= moment(since or "", now, zone)
    by_name = delivery.c.delivery_id == delivery_id
    ours = delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) < 19
    return sa.or_(by_name, delivery.c.id == int(delivery_id)) if ours else by_name


COMMANDS = (replay,)
