"""Rate limits: which buckets are blocked, and until when."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine.database import database_now, open_database, writing
from sync_service.store.queue import rate_limits

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
BUCKET = "installation 7/core"


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with two connections, 1 and 2."""
    opened = open_database(migrated_url)
    columns = {"kind": "github", "site": "https://api.github.com", "options": {}, "sealed_secrets": []}
    with writing(opened) as tx:
        tx.execute(sa.insert(tables.connection), [{"id": one, "slug": f"gh-{one}", **columns} for one in (1, 2)])
    yield opened
    opened.dispose()


def block(engine: Engine, bucket: str = BUCKET, *, wait: timedelta = MINUTE, guessed: bool = False) -> timedelta:
    """Block a bucket of connection 1."""
    with writing(engine) as tx:
        return rate_limits.block(tx, 1, bucket, wait=wait, guessed=guessed)


def remaining(engine: Engine, bucket: str = BUCKET, *, connection_id: int = 1) -> timedelta:
    """Return how long a bucket stays blocked."""
    with writing(engine) as tx:
        return rate_limits.blocked_for(tx, connection_id, bucket)


def end_blocks(engine: Engine, *, ago: timedelta) -> None:
    """Make all blocks end this long ago."""
    with writing(engine) as tx:
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx) - ago))


@pytest.mark.parametrize(
    ("paused", "waiting", "free"),
    [
        ("", ["", "token", "token/core", BUCKET], []),
        ("installation 7", ["installation 7", BUCKET, "installation 7/graphql"], ["", "installation 77/core", "app"]),
        (BUCKET, [BUCKET], ["installation 7", "installation 7/graphql", "installation 8/core", ""]),
    ],
)
def test_a_block_holds_for_its_bucket_and_the_buckets_below(
    engine: Engine, paused: str, waiting: list[str], free: list[str]
) -> None:
    """It never holds for another connection."""
    block(engine, paused)
    assert all(timedelta(0) < remaining(engine, bucket) <= MINUTE for bucket in waiting)
    assert not any(remaining(engine, bucket) for bucket in free)
    assert not any(remaining(engine, bucket, connection_id=2) for bucket in waiting)


def test_the_longest_of_several_blocks_counts(engine: Engine) -> None:
    """No call is allowed before it ends."""
    block(engine, "installation 7", wait=5 * MINUTE)
    block(engine, BUCKET)
    assert remaining(engine) > 4 * MINUTE
    assert block(engine, "installation 7", wait=MINUTE) > 4 * MINUTE
    assert block(engine, BUCKET, wait=9 * MINUTE) == 9 * MINUTE
    assert remaining(engine) > 8 * MINUTE


def test_a_guessed_wait_doubles_each_time(engine: Engine) -> None:
    """At most an hour. Workers share a wait that another one started. The tracker's own wait is used as given."""
    assert block(engine, guessed=True) == MINUTE
    assert timedelta(0) < block(engine, guessed=True) <= MINUTE
    waits = []
    for _ in range(8):
        end_blocks(engine, ago=timedelta(seconds=1))
        waits.append(block(engine, guessed=True) / MINUTE)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    end_blocks(engine, ago=timedelta(seconds=1))
    assert block(engine) == MINUTE


def test_a_guess_starts_again_at_the_minimum_after_success(engine: Engine) -> None:
    """Success means that nothing was refused for as long as the last wait."""
    block(engine, guessed=True)
    end_blocks(engine, ago=timedelta(seconds=1))
    assert block(engine, guessed=True) == 2 * MINUTE
    end_blocks(engine, ago=2 * MINUTE + timedelta(seconds=5))
    assert block(engine, guessed=True) == MINUTE


def test_a_block_stored_before_the_clock_was_set_back_does_not_count(engine: Engine) -> None:
    """No block lasts longer than a week."""
    block(engine)
    end_blocks(engine, ago=timedelta(days=-8))
    assert remaining(engine) == timedelta(0)
    assert block(engine, guessed=True) == MINUTE
    assert remaining(engine) > timedelta(0)


def test_new_credentials_end_all_blocks_of_their_connection(engine: Engine) -> None:
    """The limits belonged to the old credentials."""
    block(engine)
    with writing(engine) as tx:
        rate_limits.block(tx, 2, BUCKET, wait=MINUTE)
        rate_limits.clear(tx, 1)
    assert remaining(engine) == timedelta(0)
    assert remaining(engine, connection_id=2) > timedelta(0)
