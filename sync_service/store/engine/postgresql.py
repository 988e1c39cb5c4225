"""Connect to PostgreSQL, directly or by way of a pooler such as PgBouncer.

A pooler in transaction mode may give each transaction another connection of the server. Prepared statements and
settings by `SET` are then lost, or apply to other transactions. https://www.pgbouncer.org/features.html
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import URL, make_url
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry

from sync_service.store.engine.json_columns import from_json, to_json

STALL_SECONDS = 60.0
"""How long PostgreSQL lets our transaction stay idle. A worker that stalls that long has lost its leases; it must not
hold locks that other workers need."""

CONNECT_SECONDS = 5

POOLED = "pooled"
"""The entry in a connection's `info` that says whether a pooler is between us and the server."""

THRESHOLD = "prepare_threshold"
"""Psycopg's own option of an address: https://www.psycopg.org/psycopg3/docs/advanced/prepare.html"""


def open_postgresql(url: str) -> Engine:
    """Create the engine for `postgresql+psycopg://…`; connect to nothing yet."""
    address = make_url(url)
    # A restarted server has closed our connections: the pool tests each one before use.
    engine = sa.create_engine(
        address.difference_update_query([THRESHOLD]),
        pool_pre_ping=True,
        pool_size=10,
        connect_args=_arguments(address),
        hide_parameters=True,
        json_serializer=to_json,
        json_deserializer=from_json,
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def is_pooled(tx: Transaction) -> bool:
    """Return whether a pooler is between us and the server."""
    return bool(tx.info.get(POOLED))


def _arguments(address: URL) -> dict[str, str | int | None]:
    """Return psycopg's arguments: texts are always sent as UTF-8, in any environment of the process."""
    arguments: dict[str, str | int | None] = {"client_encoding": "utf8"}
    if "connect_timeout" not in address.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    for threshold in address.normalized_query.get(THRESHOLD, ()):
        arguments[THRESHOLD] = int(threshold) if threshold.isdecimal() else None
    return arguments


def _prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
    """Set up a new connection. A pooler is recognised by the process id, which is not the server's."""
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (pid,) = cursor.fetchone()
    entry.info[POOLED] = pid != connection.info.backend_pid
    if entry.info[POOLED]:
        connection.prepare_threshold = None
    else:
        cursor.execute(f"SET {_idle_limit()}")
    cursor.close()
    connection.commit()


def _begin(tx: Transaction) -> None:
    """Behind a pooler, limit each transaction by itself: `SET` would change a connection that others use too."""
    if is_pooled(tx) and tx.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        tx.exec_driver_sql(f"SET LOCAL {_idle_limit()}")


def _idle_limit() -> str:
    return f"idle_in_transaction_session_timeout = {STALL_SECONDS * 1000:.0f}"
