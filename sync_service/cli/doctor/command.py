"""The command `doctor`: run all checks, and say how to fix what is wrong."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import click

from config import passwords
from config.errors import InvalidSettings
from config.logging import set_up_logging
from config.settings import Settings, read_settings
from sync_service.cli.doctor.connections import check_connection
from sync_service.cli.doctor.machine import check_settings, key_is_lost
from sync_service.cli.doctor.mail import check_smtp
from sync_service.cli.doctor.sections import Section, run_sections
from sync_service.cli.doctor.servers import check_database, check_redis
from sync_service.cli.doctor.work import check_work
from sync_service.cli.startup import open_engine, services_for
from sync_service.config_file.read.errors import did_you_mean
from sync_service.domain.text import plain
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.store.engine.database import reading
from sync_service.store.views.diagnostics import slugs

SECONDS = 15.0
"""How long one section may take, except those that call trackers."""

TRACKER_SECONDS = 60.0
"""How long the checks of a connection may take, with all its scopes."""

MARKS: Mapping[bool | None, str] = {True: "✓", False: "✗", None: "!"}
ASCII_MARKS: Mapping[bool | None, str] = {True: "+", False: "x", None: "!"}

DATABASE = "database"

Found = tuple[str, Sequence[Finding]]


@click.command(short_help="Check whether everything works, and say how to fix it.")
@click.argument("connections", metavar="[CONNECTION]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, connections: tuple[str, ...], as_json: bool) -> None:
    """Check settings, database, Redis, workers, SMTP, and each connection's credentials, permissions and webhook.

    Changes and sends nothing. Exit code 0 when all is well, 1 when something is wrong.
    """
    sections: list[Found] = []
    marks = MARKS if _can_write(MARKS.values()) else ASCII_MARKS
    for name, with_passwords in _sections(connections):
        findings = [replace(one, says=passwords.cut_out(one.says)) for one in with_passwords]
        sections.append((name, findings))
        if not as_json:
            click.echo("\n".join(_lines(name, findings, marks)))
    well = all(one.well is not False for _, findings in sections for one in findings)
    if as_json:
        click.echo(json.dumps(_form(sections, well=well), indent=2, ensure_ascii=False))
    sys.exit(0 if well else 1)


def _sections(connections: Sequence[str]) -> Iterator[Found]:
    try:
        settings = read_settings()
    except InvalidSettings as error:
        yield "settings", [Finding(what="settings", well=False, says=one) for one in error.errors]
        return
    set_up_logging(settings.log_format, level=logging.CRITICAL)
    usable = False
    for name, findings in run_sections(_server_sections(settings)):
        usable = usable or (name == DATABASE and findings[0].well is True)
        yield name, findings
    if usable:  # otherwise a finding above says what is wrong
        yield from run_sections(_database_sections(settings, connections))


def _server_sections(settings: Settings) -> list[Section]:
    return [
        Section("settings", partial(check_settings, settings), SECONDS),
        Section(DATABASE, partial(check_database, settings), SECONDS),
        Section("Redis", partial(check_redis, settings), SECONDS),
        Section("mail", partial(check_smtp, settings), SECONDS),
    ]


def _database_sections(settings: Settings, connections: Sequence[str]) -> list[Section]:
    """Return the sections that need the database."""
    with open_engine(settings) as engine, reading(engine) as tx:
        known = slugs(tx)
    if known and key_is_lost(settings):
        return [Section("connections", _key_lost, SECONDS)]
    for slug in connections:
        if slug not in known:
            raise click.UsageError(f"there is no connection {slug!r}{did_you_mean(slug, known)}")
    services = services_for(settings)
    return [
        Section("work", partial(check_work, services), SECONDS),
        *(
            Section(f"connection {slug}", partial(check_connection, services, slug), TRACKER_SECONDS)
            for slug in connections or known
        ),
    ]


def _key_lost() -> Iterator[Finding]:
    says = "the secret key that decrypts the connections' secrets is no longer in the data directory"
    yield Finding(what="secret key", well=False, says=says, mend="restore the file secret-key from the backup")


def _can_write(characters: Iterable[str]) -> bool:
    try:
        "".join(characters).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _lines(name: str, findings: Sequence[Finding], marks: Mapping[bool | None, str]) -> Iterator[str]:
    yield f"{name[0].upper()}{name[1:]}"
    for one in findings:
        yield f"  {marks[one.well]} {plain(one.what)}: {plain(one.says)}"
        if one.mend:
            yield f"      {plain(one.mend)}"
    yield ""


def _form(found: Sequence[Found], *, well: bool) -> dict[str, Any]:
    sections = [{"name": name, "findings": [asdict(one) for one in findings]} for name, findings in found]
    return {"well": well, "sections": sections}


COMMANDS = (doctor,)
