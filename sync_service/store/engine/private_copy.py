"""A private copy of the database, to try changes that no other process sees or waits for.

It is a temporary database of SQLite on either kind of server: SQLite keeps it in memory, and in a file without a name
where it grows, so it ends with its connection also when the process is killed.
https://www.sqlite.org/inmemorydb.html#temp_db
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool

from sync_service.store.engine.json_columns import from_json, to_json
from sync_service.store.tables import metadata
from sync_service.store.tables.instant import Instant

LEFT_OUT = frozenset(
    {
        "api_token",
        "audit",
        "connection_alert",
        "delivery",
        "fetch_request",
        "first_admin_link",
        "mail",
        "notice",
        "oauth_state",
        "oauth_token",
        "rejected_delivery",
        "session",
        "sign_in_link",
        "write_back",
        "write_back_round",
    }
)
"""Tables that stay empty in the copy: no number depends on them, and some hold secrets or are large."""

ROWS = 1000
"""Rows read from PostgreSQL at a time."""


@contextmanager
def private_copy(engine: Engine) -> Iterator[Engine]:
    """Yield an engine for a copy of the database as it is in one moment. It has one connection, for one thread."""
    with closing(sqlite3.connect("", check_same_thread=False, isolation_level=None)) as driver:
        copy = _engine(driver, engine)
        metadata.create_all(copy)
        if engine.dialect.name == "sqlite":
            _copy_file(driver, str(engine.url.database))
        else:
            _copy_rows(driver, engine)
        driver.execute("PRAGMA foreign_keys = ON")
        yield copy


def _engine(driver: sqlite3.Connection, source: Engine) -> Engine:
    copy = sa.create_engine(
        "sqlite://",
        creator=lambda: driver,
        poolclass=StaticPool,
        hide_parameters=True,
        json_serializer=to_json,
        json_deserializer=from_json,
    )
    sa.event.listen(copy, "begin", lambda tx: tx.exec_driver_sql("BEGIN"))
    copy.update_execution_options(**source.get_execution_options())
    return copy


def _tables() -> Sequence[sa.Table]:
    return [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]


def _copy_file(driver: sqlite3.Connection, path: str) -> None:
    """Copy the rows of a SQLite file, all as of one moment: a transaction reads one state of the file."""
    driver.execute("ATTACH ? AS source", [path])
    driver.execute("BEGIN")
    for table in _tables():
        columns = _names(table)
        driver.execute(f"INSERT INTO main.{table.name} ({columns}) SELECT {columns} FROM source.{table.name}")  # noqa: S608 - names of our own tables
    driver.execute("COMMIT")
    driver.execute("DETACH source")


def _copy_rows(driver: sqlite3.Connection, engine: Engine) -> None:
    """Copy the rows of PostgreSQL, all as of one moment."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as tx, tx.begin():
        driver.execute("BEGIN")
        for table in _tables():
            columns = _names(table)
            marks = ", ".join("?" for _ in table.c)
            insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own tables
            for rows in _read(tx, table):
                driver.executemany(insert, rows)
        driver.execute("COMMIT")


def _names(table: sa.Table) -> str:
    """Return the columns of a table, quoted: some are words of SQL."""
    return ", ".join(f'"{column.name}"' for column in table.c)


def _read(tx: Transaction, table: sa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a table as SQLite stores them."""
    statement = sa.select(*(_stored(column) for column in table.c))
    found = tx.execution_options(stream_results=True, max_row_buffer=ROWS).execute(statement)
    for rows in found.partitions(ROWS):
        yield [tuple(_plain(value) for value in row) for row in rows]


def _stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as SQLite stores it: JSON as its text, moments as microseconds."""
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text)
    return sa.type_coerce(column, sa.BigInteger) if isinstance(column.type, Instant) else column


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
