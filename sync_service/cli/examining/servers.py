"""What is found of the servers we lean on: the database, Redis, and the one that takes our mails."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from config.addresses import LOOPBACK
from config.settings import Settings
from sync_service.cli.examining.machine import open_to_others
from sync_service.cli.starting import opened
from sync_service.domain.examining import Finding
from sync_service.holding import is_held
from sync_service.mail import smtp
from sync_service.store.database import database_now, reading
from sync_service.store.migrate import is_current
from sync_service.valkey import OLDEST, NoServer
from sync_service.wiring import open_redis, utc_now

OLDEST_POSTGRESQL = 14
SCARCE_BYTES, FEW_BYTES = 100 * 2**20, 2**30
SKEW = timedelta(seconds=30)
SMTP_SECONDS = 10.0
_NOT_YET = "run okr-sync up, or okr-sync migrate"


def sqlite_file(settings: Settings) -> Path | None:
    """Give the file of an SQLite database; None for a server."""
    url = make_url(settings.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def database_found(settings: Settings) -> Iterator[Finding]:
    """Look whether it answers and is of this version, at its own version and clock, and at the room it has."""
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        yield Finding(what="database", well=False, says=f"there is none at {file} yet", mend=_NOT_YET)
        return
    with opened(settings) as engine:
        try:
            current = is_current(engine)
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            mend = "does the server run, and is DATABASE_URL right?" if file is None else "is the file whole, and ours?"
            yield Finding(what="database", well=False, says=f"does not answer: {reason}", mend=mend)
            return
        says = "answers, and has this version's schema" if current else "is not of this version"
        yield Finding(what="database", well=current, says=says, mend=None if current else _NOT_YET)
        yield from _of_file(file) if file else _of_server(engine)
        yield from _clock(engine)


def _of_file(file: Path) -> Iterator[Finding]:
    if open_to_others(file) and open_to_others(file.parent):
        says = f"{file} can be read by other users of this machine"
        yield Finding(what="database file", well=False, says=says, mend=f"chmod 600 {file}, and 700 its directory")
    free = shutil.disk_usage(file.parent).free
    well = True if free > FEW_BYTES else None if free > SCARCE_BYTES else False
    mend = None if well else "make room: nothing is deleted by itself, and a full disk stops deliveries from being kept"
    yield Finding(what="disk", well=well, says=f"{free / 2**30:.1f} GB are free", mend=mend)


def _of_server(engine: Engine) -> Iterator[Finding]:
    with reading(engine) as tx:
        version = int(tx.execute(sa.text("SHOW server_version_num")).scalar_one())
    major = version // 10_000
    well = major >= OLDEST_POSTGRESQL
    mend = None if well else f"take PostgreSQL {OLDEST_POSTGRESQL} or newer"
    yield Finding(what="version", well=well, says=f"PostgreSQL {major}.{version % 10_000}", mend=mend)


def _clock(engine: Engine) -> Iterator[Finding]:
    with reading(engine) as tx:
        skew = database_now(tx) - utc_now()
    if abs(skew) > SKEW:
        says = f"the database's is {abs(skew).total_seconds():.0f} s {'ahead of' if skew > SKEW else 'behind'} ours"
        yield Finding(what="clock", well=None, says=says, mend="is time kept by NTP on both machines?")


def redis_found(settings: Settings) -> Iterator[Finding]:
    """Look whether it answers, at its version, and at what it does when its memory is full."""
    if settings.redis_url is None and not is_held(settings.data_dir):
        yield Finding(what="Redis", well=None, says="the private one does not run; okr-sync up starts it")
        return
    try:
        client = open_redis(settings)
    except NoServer as error:
        yield Finding(what="Redis", well=False, says=str(error))
        return
    with client:
        try:
            told: dict[str, Any] = client.info()
        except RedisError as error:
            mend = "does it run, and is REDIS_URL right? The clock does the work meanwhile, some seconds later"
            yield Finding(what="Redis", well=False, says=f"does not answer: {error}", mend=mend)
            return
    yield from _version(told)
    yield from _memory(told)


def _version(told: dict[str, Any]) -> Iterator[Finding]:
    valkey = told.get("valkey_version")
    name, version = ("Valkey", str(valkey)) if valkey else ("Redis", str(told.get("redis_version", "")))
    major = version.partition(".")[0]
    well = bool(valkey) or (major.isdecimal() and int(major) >= OLDEST)
    mend = None if well else f"take Redis {OLDEST} or newer, or Valkey"
    yield Finding(what="Redis", well=well, says=f"{name} {version} answers", mend=mend)


def _memory(told: dict[str, Any]) -> Iterator[Finding]:
    policy = told.get("maxmemory_policy")
    if policy is None:
        yield Finding(what="eviction", well=None, says="what it does when its memory is full can't be told")
    elif policy != "noeviction":
        mend = "set maxmemory-policy to noeviction: jobs that are evicted are done later, by the clock"
        yield Finding(what="eviction", well=None, says=f"with its memory full it evicts by {policy}", mend=mend)
    kept = "keeps" if told.get("aof_enabled") else "does not keep"
    yield Finding(what="persistence", well=True, says=f"{kept} an append-only file; losing it costs seconds, no rows")


def smtp_found(settings: Settings) -> Iterator[Finding]:
    """Connect and sign in, without sending anything."""
    if settings.smtp is None:
        says = "none is set: mails are not sent, but shown to admins on the page Mailbox"
        yield Finding(what="SMTP", well=True, says=says)
        return
    server = smtp.Server(**asdict(settings.smtp))
    where = f"{server.host}:{server.port}"
    try:
        with smtp.Line(server, seconds=SMTP_SECONDS) as line:
            encrypted = line.open()
    except smtp.Unreachable as error:
        mend = "is SMTP_URL right, with user and password, and may this machine connect there?"
        yield Finding(what="SMTP", well=False, says=str(error), mend=mend)
        return
    as_whom = f" as {server.user}" if server.user else ""
    if encrypted or server.host in LOOPBACK:
        yield Finding(what="SMTP", well=True, says=f"{where} lets us in{as_whom}")
    else:
        mend = "write smtp+starttls:// or smtps:// in SMTP_URL, if the server can"
        yield Finding(what="SMTP", well=None, says=f"{where} lets us in{as_whom}, without encryption", mend=mend)
