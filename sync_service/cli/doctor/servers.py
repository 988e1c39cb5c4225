"""Checks of the servers we need: the database and Redis."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from sync_service.cli.doctor.machine import open_to_others
from sync_service.cli.startup import open_engine
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.runtime.instance_lock import is_held
from sync_service.runtime.redis_server import OLDEST, NoServer, is_read_only
from sync_service.runtime.wiring import open_redis, utc_now
from sync_service.store.engine.availability import trouble
from sync_service.store.engine.database import database_now, reading
from sync_service.store.engine.migrate import is_current, schema_problem
from sync_service.store.engine.postgresql import is_pooled
from sync_service.store.engine.requirements import obstacles, server_facts

SCARCE_BYTES, FEW_BYTES = 100 * 2**20, 2**30
SKEW = timedelta(seconds=30)
_NOT_YET = "run okr-sync up, or okr-sync migrate"


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of an SQLite database; None for a server."""
    url = make_url(settings.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def check_database(settings: Settings) -> Iterator[Finding]:
    """Yield the findings: does it answer, its schema, its version, its clock, its free disk space."""
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        yield Finding(what="database", well=False, says=f"there is no database at {file} yet", mend=_NOT_YET)
        return
    with open_engine(settings) as engine:
        try:
            current, problem = is_current(engine), schema_problem(engine)
        except DBAPIError as error:
            mend = "check the server and DATABASE_URL" if file is None else "check that the file is intact and ours"
            yield Finding(what="database", well=False, says=trouble(error), mend=mend)
            return
        says = "answers, and has this version's schema" if current else problem or "has another version's schema"
        yield Finding(what="database", well=current, says=says, mend=None if current or problem else _NOT_YET)
        yield from _file_findings(file) if file else _server_findings(engine, current=current)
        yield from _clock(engine)


def _file_findings(file: Path) -> Iterator[Finding]:
    if open_to_others(file) and open_to_others(file.parent):
        says = f"{file} can be read by other users of this machine"
        yield Finding(what="database file", well=False, says=says, mend=f"chmod 600 {file}, and 700 its directory")
    free = shutil.disk_usage(file.parent).free
    well = True if free > FEW_BYTES else None if free > SCARCE_BYTES else False
    mend = (
        None
        if well
        else "free some space: nothing is deleted automatically, and a full disk keeps deliveries from being stored"
    )
    yield Finding(what="disk", well=well, says=f"{free / 2**30:.1f} GB are free", mend=mend)


def _server_findings(engine: Engine, *, current: bool) -> Iterator[Finding]:
    with reading(engine) as tx:
        facts, pooled = server_facts(tx), is_pooled(tx)
    wrong = obstacles(facts, migrated=current)
    for one in wrong:
        yield Finding(what=one.what, well=False, says=one.says, mend=one.mend)
    named = {one.what for one in wrong}
    if "version" not in named:
        version = f"PostgreSQL {facts.version // 10_000}.{facts.version % 10_000}"
        yield Finding(what="version", well=True, says=version)
    if "encoding" not in named:
        yield Finding(what="encoding", well=True, says=facts.encoding)
    if "rights" not in named:
        verb = "read and change our tables" if current else "create our tables"
        yield Finding(what="rights", well=True, says=f"the role {facts.role!r} may {verb}")
    says = "by way of a pooler, so without prepared statements" if pooled else "a direct connection"
    yield Finding(what="pooling", well=True, says=says)


def _clock(engine: Engine) -> Iterator[Finding]:
    with reading(engine) as tx:
        skew = database_now(tx) - utc_now()
    if abs(skew) > SKEW:
        says = (
            f"the database's clock is {abs(skew).total_seconds():.0f} s {'ahead of' if skew > SKEW else 'behind'} ours"
        )
        yield Finding(what="clock", well=None, says=says, mend="synchronise both machines by NTP")


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Yield the findings: does it answer, its version, its eviction policy when memory is full."""
    if settings.redis_url is None and not is_held(settings.data_dir):
        yield Finding(what="Redis", well=None, says="the private server is not running; okr-sync up starts it")
        return
    try:
        client = open_redis(settings)
    except NoServer as error:
        yield Finding(what="Redis", well=False, says=str(error))
        return
    with client:
        try:
            info: dict[str, Any] = client.info()
        except RedisError as error:
            mend = "check the server and REDIS_URL; meanwhile the clock does the work, some seconds later"
            yield Finding(what="Redis", well=False, says=f"does not answer: {error}", mend=mend)
            return
    yield from _version(info)
    yield from _replica(info)
    yield from _memory(info)


def _version(info: dict[str, Any]) -> Iterator[Finding]:
    valkey = info.get("valkey_version")
    name, version = ("Valkey", str(valkey)) if valkey else ("Redis", str(info.get("redis_version", "")))
    major = version.partition(".")[0]
    well = bool(valkey) or (major.isdecimal() and int(major) >= OLDEST)
    mend = None if well else f"use Redis {OLDEST} or newer, or Valkey"
    yield Finding(what="Redis", well=well, says=f"{name} {version} answers", mend=mend)


def _replica(info: dict[str, Any]) -> Iterator[Finding]:
    if is_read_only(info):
        mend = "let REDIS_URL name the primary; meanwhile the clock does the work, some seconds later"
        yield Finding(
            what="replica", well=False, says="it is a read-only replica: no job can be put into it", mend=mend
        )


def _memory(info: dict[str, Any]) -> Iterator[Finding]:
    policy = info.get("maxmemory_policy")
    if policy is None:
        yield Finding(what="eviction", well=None, says="unknown: the server does not report its policy")
    elif policy != "noeviction":
        mend = "set maxmemory-policy to noeviction; the clock does evicted jobs, but later"
        yield Finding(what="eviction", well=None, says=f"evicts by {policy} when its memory is full", mend=mend)
    verb = "keeps" if info.get("aof_enabled") else "does not keep"
    yield Finding(
        what="persistence",
        well=True,
        says=f"{verb} an append-only file; losing it delays work by seconds and loses no row",
    )
