"""Baseline application of the webhook benchmark: minimal Flask that verifies the HMAC and stores the body durably.

It runs under the same server with the same settings as ours. `core` inserts by SQLAlchemy Core, `raw` by the driver,
with one open connection for each thread.
"""

import hashlib
import hmac
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, request
from flask.typing import ResponseReturnValue

from bench.payloads import SECRET
from config.gunicorn import WebServer, gunicorn_options
from config.listening import bind
from config.settings import read_settings
from sync_service.web.server.site import Site

LARGEST = 25 * 1024 * 1024

Store = Callable[[str, bytes], None]

metadata = sa.MetaData()
baseline_delivery = sa.Table(
    "baseline_delivery",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("delivery_id", sa.String(200), nullable=False, unique=True),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)


def core(url: str) -> Store:
    """Return a function that inserts by SQLAlchemy Core, with one transaction for each request."""
    engine = sa.create_engine(url, pool_size=10)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", durable)
    metadata.create_all(engine)

    def store(delivery_id: str, body: bytes) -> None:
        with engine.begin() as tx:
            tx.execute(
                sa.insert(baseline_delivery),
                {"delivery_id": delivery_id, "received_at": time.time_ns() // 1000, "body": body},
            )

    return store


def durable(connection: Any, _: object) -> None:
    """Set SQLite to the same durability as ours."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def raw(url: str) -> Store:
    """Return a function that inserts by the driver, without SQLAlchemy."""
    core(url)  # creates the table
    parsed = sa.make_url(url)
    open_ = threading.local()

    def store_in_sqlite(delivery_id: str, body: bytes) -> None:
        if not hasattr(open_, "connection"):
            open_.connection = sqlite3.connect(str(parsed.database))
            durable(open_.connection, None)
        with open_.connection as connection:
            connection.execute(
                "INSERT INTO baseline_delivery (delivery_id, received_at, body) VALUES (?, ?, ?)",
                (delivery_id, time.time_ns() // 1000, body),
            )

    def store_in_postgresql(delivery_id: str, body: bytes) -> None:
        if not hasattr(open_, "connection"):
            open_.connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        open_.connection.execute(
            "INSERT INTO baseline_delivery (delivery_id, received_at, body) VALUES (%s, %s, %s)",
            (delivery_id, time.time_ns() // 1000, body),
        )

    return store_in_sqlite if parsed.get_backend_name() == "sqlite" else store_in_postgresql


STORES: dict[str, Callable[[str], Store]] = {"core": core, "raw": raw}


def create_app(store: Store) -> Flask:
    """Return the Flask application."""
    app = Flask(__name__)

    @app.post("/hooks/<_slug>")
    def receive(_slug: str) -> ResponseReturnValue:
        body = request.get_data(cache=False)
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
            return {"outcome": "forged"}, 401
        store(request.headers["X-GitHub-Delivery"], body)
        return {"outcome": "stored"}, 202

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    return app


def create_site(store: Store, threads: int) -> Site:
    """Return the ASGI application: the same server as ours."""
    return Site(create_app(store).wsgi_app, threads=threads, limit=lambda _path: LARGEST)


def main() -> None:
    """Serve: `python -m bench.baseline_app core|raw PORT`, with the settings of `okr-sync web`."""
    settings = read_settings()
    options = gunicorn_options(settings, bound=bind("127.0.0.1", int(sys.argv[2])).detach())
    WebServer(lambda: create_site(STORES[sys.argv[1]](settings.database_url), settings.web_threads), options).run()


if __name__ == "__main__":
    main()
