"""One way to open the database and one way to begin a transaction, on SQLite and on PostgreSQL.

SQLite stands for row locks with `BEGIN IMMEDIATE`: one writer at a time, taken at the beginning, so that a
transaction never fails half way for having read first. https://www.sqlite.org/lang_transaction.html
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

BUSY_SECONDS = 5.0
"""How long a writer waits for SQLite's one write lock before the database counts as locked."""

STALL_SECONDS = 60.0
"""How long PostgreSQL lets a transaction of ours stand idle: who stalls that long has lost every lease, and must not
keep its locks from the workers that go on."""


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds since 1970: exact and comparable on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn an aware datetime into microseconds; whole numbers pass as they are."""
        if value is None or isinstance(value, int):
            return value
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn microseconds into an aware UTC datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


def open_database(url: str) -> Engine:
    """Open the database at a SQLAlchemy URL (`sqlite:///…` or `postgresql+psycopg://…`), without touching it yet.

    An error that it raises says which statement failed, and not with what: that may be a body or a mail.
    """
    if url.startswith("sqlite"):
        arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        engine = sa.create_engine(url, connect_args=arguments, hide_parameters=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    # A server that was restarted closes our connections: the pool asks before it lends one.
    arguments = {"connect_timeout": 5}
    engine = sa.create_engine(url, pool_pre_ping=True, pool_size=10, connect_args=arguments, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # We begin transactions ourselves; the driver's own BEGIN would come too late and too weak.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _prepare_postgresql(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = {STALL_SECONDS * 1000:.0f}")
    cursor.close()
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write; it commits at the end and rolls back on any exception."""
    with engine.connect().execution_options(writes=True) as tx, tx.begin():
        yield tx


@contextmanager
def writing_at_once(engine: Engine) -> Iterator[Connection]:
    """Open a connection for one statement that is its own transaction, of however many rows.

    On PostgreSQL the server then begins and commits by itself, which saves two of three journeys there and back.
    """
    if engine.dialect.name == "sqlite":
        with writing(engine) as tx:
            yield tx
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            yield tx


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads, and so never waits for a writer."""
    with engine.connect() as tx, tx.begin():
        yield tx


class DatabaseNow(FunctionElement[datetime]):
    """The database's time, as part of a statement: leases use one clock, whatever the machines of the workers think."""

    inherit_cache = True
    type = Instant()


@compiles(DatabaseNow, "sqlite")
def _now_on_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@compiles(DatabaseNow, "postgresql")
def _now_on_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def database_now(tx: Connection) -> datetime:
    """Ask the database for its time."""
    return tx.scalars(sa.select(DatabaseNow())).one()


def insert_or_skip(
    tx: Connection, table: sa.Table, rows: list[dict[str, Any]], *, unique: tuple[str, ...], **same: Any
) -> int:
    """Insert the rows that are new by the `unique` columns, with the `same` columns in each; give how many.

    The ones that are there are left alone.
    """
    if not rows:
        return 0
    statement = _insert(tx, table).values(same).on_conflict_do_nothing(index_elements=unique)
    return tx.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def among(tx: Connection, column: sa.ColumnElement[int], ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Say that a column is one of these ids.

    PostgreSQL takes them as one array: the statement's text is then the same for any number of them, and so it is
    prepared and planned once. https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    if tx.dialect.name == "sqlite":
        return column.in_(ids)
    return column == sa.any_(sa.bindparam(None, list(ids), type_=postgresql.ARRAY(sa.BigInteger), unique=True))


Result = TypeVar("Result")

CONFLICTS = 3
"""Times work is tried that collides with another's: a deadlock, a lock that was waited for too long."""


def begin_again(work: Callable[[], Result]) -> Result:
    """Do `work`, whole transactions of it, and do it again where it collides with another's; the last try raises."""
    for _ in range(CONFLICTS - 1):
        try:
            return work()
        except (OperationalError, Collision):
            time.sleep(0.05)
    return work()


class Collision(Exception):
    """What this transaction goes by was changed by another meanwhile: roll back, and begin again."""


def upsert(
    tx: Connection,
    table: sa.Table,
    rows: list[dict[str, Any]],
    *,
    unique: tuple[str, ...],
    newer: str | None = None,
) -> None:
    """Insert the rows, or update all other columns given where the `unique` columns match.

    Where `newer` names a column, a row stays as it is if that column holds something greater.
    """
    if not rows:
        return
    statement = _insert(tx, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in unique}
    where = None if newer is None else table.c[newer] <= statement.excluded[newer]
    tx.execute(statement.on_conflict_do_update(index_elements=unique, set_=others, where=where), rows)


def _insert(tx: Connection, table: sa.Table) -> Any:
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
