"""Open the database and begin transactions, on SQLite and PostgreSQL; upserts and the database's clock."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from sync_service.store.engine.postgresql import open_postgresql
from sync_service.store.engine.sqlite import BUSY_SECONDS, DatabaseBusy, open_sqlite
from sync_service.store.tables.instant import Instant

UTC = ZoneInfo("UTC")


def open_database(url: str, *, write_wait: float = BUSY_SECONDS, zone: ZoneInfo = UTC) -> Engine:
    """Create the engine for a SQLAlchemy URL (`sqlite:///…` or `postgresql+psycopg://…`); connect to nothing yet.

    On SQLite a writer waits up to `write_wait` seconds for other writers. Errors name the failed statement but hide
    the parameters: they may hold a webhook body or a mail. `zone` is used if the organisation has no time zone.
    """
    engine = open_sqlite(url, write_wait=write_wait) if url.startswith("sqlite") else open_postgresql(url)
    engine.update_execution_options(default_zone=zone)
    return engine


def default_zone(tx: Transaction) -> ZoneInfo:
    """Return the time zone for an organisation without one: the setting of this process."""
    zone: ZoneInfo = tx.get_execution_options().get("default_zone", UTC)
    return zone


@contextmanager
def writing(engine: Engine) -> Iterator[Transaction]:
    """Open a transaction that may write; commit at the end, roll back on any exception."""
    with engine.connect().execution_options(writes=True) as tx, tx.begin():
        yield tx


@contextmanager
def writing_at_once(engine: Engine) -> Iterator[Transaction]:
    """Open a connection for one statement that is its own transaction, of any number of rows.

    On PostgreSQL the server then begins and commits by itself, which saves two of three round trips.
    """
    if engine.dialect.name == "sqlite":
        with writing(engine) as tx:
            yield tx
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            yield tx


@contextmanager
def reading(engine: Engine) -> Iterator[Transaction]:
    """Open a transaction that only reads; it never waits for a writer."""
    with engine.connect() as tx, tx.begin():
        yield tx


class DatabaseNow(FunctionElement[datetime]):
    """The database's time, as part of a statement: leases use this one clock, not those of the workers' machines."""

    inherit_cache = True
    type = Instant()


@compiles(DatabaseNow, "sqlite")
def _now_on_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@compiles(DatabaseNow, "postgresql")
def _now_on_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def database_now(tx: Transaction) -> datetime:
    """Return the database's time."""
    return tx.scalars(sa.select(DatabaseNow())).one()


def insert_or_skip(
    tx: Transaction, table: sa.Table, rows: list[dict[str, Any]], *, unique: tuple[str, ...], **same: Any
) -> int:
    """Insert the rows that are new by the `unique` columns; return how many were inserted.

    Every row also gets the `same` columns. Rows that exist already stay unchanged.
    """
    if not rows:
        return 0
    statement = _insert(tx, table).values(same).on_conflict_do_nothing(index_elements=unique)
    return tx.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def among(tx: Transaction, column: sa.ColumnElement[int], ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of these ids.

    PostgreSQL gets them as one array: the statement's text is then the same for any number of ids, so it is prepared
    and planned once. https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    if tx.dialect.name == "sqlite":
        return column.in_(ids)
    return column == sa.any_(sa.bindparam(None, list(ids), type_=postgresql.ARRAY(sa.BigInteger), unique=True))


Result = TypeVar("Result")

CONFLICTS = 3
"""How often a transaction is tried that conflicts with another: a deadlock, a lock timeout, a `TransactionConflict`."""


def retry_on_conflict(work: Callable[[], Result]) -> Result:
    """Run `work` (whole transactions) and retry it when it conflicts with another transaction; the last try raises."""
    for _ in range(CONFLICTS - 1):
        try:
            return work()
        except DatabaseBusy:
            raise  # it has waited long enough
        except (OperationalError, TransactionConflict):
            time.sleep(0.05)
    return work()


class TransactionConflict(Exception):
    """Another transaction changed what this one relies on: roll back and retry."""


def upsert(
    tx: Transaction,
    table: sa.Table,
    rows: list[dict[str, Any]],
    *,
    unique: tuple[str, ...],
    newer: str | None = None,
) -> None:
    """Insert the rows; where the `unique` columns match, update all other given columns instead.

    `newer` may name a column: a row whose value there is greater than the new one stays unchanged.
    """
    if not rows:
        return
    statement = _insert(tx, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in unique}
    where = None if newer is None else table.c[newer] <= statement.excluded[newer]
    tx.execute(statement.on_conflict_do_update(index_elements=unique, set_=others, where=where), rows)


def _insert(tx: Transaction, table: sa.Table) -> Any:
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
