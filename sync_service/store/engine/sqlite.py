"""Open a SQLite file and begin transactions; writers of all processes get the one write lock one after another.

SQLite has no row locks: a write transaction takes the one write lock at its start (`BEGIN IMMEDIATE`), so that it
never fails half way because it read first. https://www.sqlite.org/lang_transaction.html
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import make_url
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from sync_service.store.engine.json_columns import from_json, to_json
from sync_service.store.engine.write_queue import WriteQueue

log = structlog.get_logger(__name__)

BUSY_SECONDS = 5.0
"""How long a request waits for SQLite's one write lock before it fails."""

TRY_SECONDS = 0.25
"""How long one try for the lock takes."""

LONG_SECONDS = 1.0
"""A write transaction that holds the lock for longer is logged."""

_BEGAN = "began"


class DatabaseBusy(OperationalError):
    """Another process wrote for as long as we may wait. The text says which."""


def open_sqlite(url: str, *, write_wait: float) -> Engine:
    """Create the engine for `sqlite:///…`; connect to nothing yet. A writer waits `write_wait` seconds for its lock."""
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(
        url, connect_args=arguments, hide_parameters=True, json_serializer=to_json, json_deserializer=from_json
    )
    queue = WriteQueue(Path(str(make_url(url).database)))
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", partial(_begin, queue, write_wait))
    for end in ("commit", "rollback"):
        sa.event.listen(engine, end, _end)
    return engine


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # We begin transactions ourselves: the driver's own BEGIN comes later and takes no write lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(queue: WriteQueue, write_wait: float, tx: Transaction) -> None:
    if not tx.get_execution_options().get("writes", False):
        tx.exec_driver_sql("BEGIN")
        return
    with queue.at_the_front(seconds=write_wait) as front, _short_tries(tx):
        while not _try_to_begin(tx):
            if not front.wait_more():
                raise _busy(front.holder, write_wait)
        front.write_holder()
    tx.info[_BEGAN] = time.monotonic()


@contextmanager
def _short_tries(tx: Transaction) -> Iterator[None]:
    """Let SQLite give up each try soon, so that we can say what we wait for."""
    driver: Any = tx.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout = {TRY_SECONDS * 1000:.0f}")
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # the connection was lost and closed
            driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")


def _try_to_begin(tx: Transaction) -> bool:
    try:
        tx.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0)
        if code & 0xFF != sqlite3.SQLITE_BUSY:  # the low byte; the others say more exactly why
            raise
        return False
    return True


def _end(tx: Transaction) -> None:
    began = None if tx.invalidated else tx.info.pop(_BEGAN, None)  # a lost connection took its transaction along
    if began is not None and (held := time.monotonic() - began) > LONG_SECONDS:
        log.warning("a write transaction held the database for long", seconds=round(held, 1))


def _busy(holder: str, write_wait: float) -> DatabaseBusy:
    says = f"waited {write_wait:g} s for the turn to write to the database, at last for {holder}; try again"
    return DatabaseBusy("BEGIN IMMEDIATE", None, sqlite3.OperationalError(says))
