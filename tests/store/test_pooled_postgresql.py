"""PostgreSQL behind PgBouncer: our statements work when each transaction gets another connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.trackers import inbox
from sync_service.store.trackers.inbox import ReceivedDelivery
from tests.support.migrated_database import prepare
from tests.support.pgbouncer import PGBOUNCER, behind, pgbouncer
from tests.support.servers import PostgresDatabases
from tests.support.skip_guard import PGBOUNCER_IS_ABSENT, find_program

pytestmark = pytest.mark.skipif(find_program(PGBOUNCER) is None, reason=PGBOUNCER_IS_ABSENT)

DELIVERIES = 60
THREADS = 8


@pytest.fixture(scope="module")
def port(postgres: PostgresDatabases) -> Iterator[int]:
    """Yield the port of a PgBouncer that gives each transaction another connection."""
    with pgbouncer(postgres.server) as found:
        yield found


@pytest.fixture
def direct_url(postgres: PostgresDatabases) -> Iterator[str]:
    """Yield the URL of a migrated database on the server itself."""
    yield postgres.prepared(prepare)
    # PgBouncer keeps connections open; dropping ends them.
    postgres.drop()


@pytest.fixture
def pooled(direct_url: str, port: int) -> Iterator[Engine]:
    """Yield the engine of a migrated database behind PgBouncer."""
    engine = open_database(behind(direct_url, port))
    yield engine
    engine.dispose()


def received(number: int, connection_id: int) -> ReceivedDelivery:
    """Return a delivery."""
    return ReceivedDelivery(
        connection_id=connection_id,
        delivery_id=f"delivery-{number}",
        received_at=datetime.now(UTC),
        headers={},
        body=b"{}",
    )


def add_connection(engine: Engine) -> int:
    """Add a connection and return its id."""
    with writing(engine) as tx:
        columns: dict[str, Any] = {"slug": "gh", "kind": "github", "site": "https://api.github.com"}
        columns |= {"earlier": "ignore", "options": {}, "sealed_secrets": "[]"}
        statement = sa.insert(tables.connection).values(columns).returning(tables.connection.c.id)
        return int(tx.scalars(statement).one())


def test_every_delivery_is_stored_behind_a_pooler_that_changes_the_connection(pooled: Engine) -> None:
    """Prepared statements live in one connection of the server: behind such a pooler none may be used."""
    connection_id = add_connection(pooled)

    def store(number: int) -> None:
        inbox.store(pooled, [received(number, connection_id)])

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(store, range(DELIVERIES)))
    with reading(pooled) as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(tables.delivery)) == DELIVERIES


def test_a_transaction_behind_a_pooler_may_not_stay_idle_for_ever(pooled: Engine) -> None:
    """The limit holds in each transaction, and is not left behind in a connection that others use."""
    shown = sa.text("SHOW idle_in_transaction_session_timeout")
    for _ in range(THREADS):
        with writing(pooled) as tx:
            assert tx.scalar(shown) == "1min"
    with pooled.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
        assert {alone.scalar(shown) for _ in range(THREADS)} == {"0"}


def test_a_direct_connection_keeps_its_prepared_statements(direct_url: str) -> None:
    """They are planned once, which is why they are used wherever the connection stays the same."""
    engine = open_database(direct_url)
    for _ in range(10):
        with reading(engine) as tx:
            tx.execute(sa.select(tables.counter.c.value))
    with reading(engine) as tx:
        assert tx.scalar(sa.text("SELECT count(*) FROM pg_prepared_statements")) > 0
    engine.dispose()
