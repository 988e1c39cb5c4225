"""The command `audit`: who did what."""

import json

import click

from sync_service.cli.startup import open_services
from sync_service.cli.times import moment
from sync_service.domain.text import instant, plain
from sync_service.store.engine.database import reading
from sync_service.store.okrs.team_settings import organisation_zone
from sync_service.store.people.audit import AuditEntry, entries


@click.command(short_help="Print who did what.")
@click.option("--since", metavar="TIME", help="Only what was done since then: 2026-10-01T12:00, or 90m, 24h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(*, since: str | None, as_json: bool) -> None:
    """Print the audit log, oldest first: who did what and when."""
    services = open_services()
    with reading(services.engine) as tx:
        start = moment(since, services.now(), organisation_zone(tx)) if since else None
        found = entries(tx, since=start)[::-1]
    if as_json:
        items = [{"at": instant(one.at), "actor": one.actor, "what": one.what} for one in found]
        click.echo(json.dumps(items, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(_line(one))


def _line(one: AuditEntry) -> str:
    first, *others = map(plain, one.what.splitlines() or [""])
    return "\n    ".join([f"{instant(one.at)}  {plain(one.actor)}: {first}", *others])


COMMANDS = (audit,)
