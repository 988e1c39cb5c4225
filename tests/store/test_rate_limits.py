"""Pauses: what must not be asked for a while, part by part."""

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
PART = "installation 7/core"


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Give a database with two connections, 1 and 2."""
    opened = open_database(migrated_url)
    columns = {"kind": "github", "site": "https://api.github.com", "options": {}, "sealed_secrets": []}
    with writing(opened) as tx:
        tx.execute(sa.insert(tables.connection), [{"id": one, "slug": f"gh-{one}", **columns} for one in (1, 2)])
    yield opened
    opened.dispose()


def begin(engine: Engine, bucket: str = PART, *, wait: timedelta = MINUTE, guessed: bool = False) -> timedelta:
    """Begin a pause of connection 1."""
    with writing(engine) as tx:
        return rate_limits.block(tx, 1, bucket, wait=wait, guessed=guessed)


def rest(engine: Engine, bucket: str = PART, *, connection_id: int = 1) -> timedelta:
    """Give the rest of a pause."""
    with writing(engine) as tx:
        return rate_limits.blocked_for(tx, connection_id, bucket)


def end(engine: Engine, *, ago: timedelta) -> None:
    """Let the pauses have ended so long ago."""
    with writing(engine) as tx:
        tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx) - ago))


@pytest.mark.parametrize(
    ("paused", "waiting", "free"),
    [
        ("", ["", "token", "token/core", PART], []),
        ("installation 7", ["installation 7", PART, "installation 7/graphql"], ["", "installation 77/core", "app"]),
        (PART, [PART], ["installation 7", "installation 7/graphql", "installation 8/core", ""]),
    ],
)
def test_a_pause_holds_for_what_belongs_to_it_and_for_nothing_else(
    engine: Engine, paused: str, waiting: list[str], free: list[str]
) -> None:
    """Never for another connection."""
    begin(engine, paused)
    assert all(timedelta(0) < rest(engine, bucket) <= MINUTE for bucket in waiting)
    assert not any(rest(engine, bucket) for bucket in free)
    assert not any(rest(engine, bucket, connection_id=2) for bucket in waiting)


def test_the_longest_of_several_pauses_counts(engine: Engine) -> None:
    """Until its end nothing may be asked."""
    begin(engine, "installation 7", wait=5 * MINUTE)
    begin(engine, PART)
    assert rest(engine) > 4 * MINUTE
    assert begin(engine, "installation 7", wait=MINUTE) > 4 * MINUTE
    assert begin(engine, PART, wait=9 * MINUTE) == 9 * MINUTE
    assert rest(engine) > 8 * MINUTE


def test_a_guessed_wait_doubles_each_time_it_did_not_help(engine: Engine) -> None:
    """An hour at most; a wait that somebody else has begun meanwhile is shared, and a told one is taken as told."""
    assert begin(engine, guessed=True) == MINUTE
    assert timedelta(0) < begin(engine, guessed=True) <= MINUTE
    waits = []
    for _ in range(8):
        end(engine, ago=timedelta(seconds=1))
        waits.append(begin(engine, guessed=True) / MINUTE)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    end(engine, ago=timedelta(seconds=1))
    assert begin(engine) == MINUTE


def test_a_guess_begins_anew_once_it_has_helped(engine: Engine) -> None:
    """When nothing was refused for as long again."""
    begin(engine, guessed=True)
    end(engine, ago=timedelta(seconds=1))
    assert begin(engine, guessed=True) == 2 * MINUTE
    end(engine, ago=2 * MINUTE + timedelta(seconds=5))
    assert begin(engine, guessed=True) == MINUTE


def test_what_was_noted_before_the_clock_was_stepped_back_does_not_count(engine: Engine) -> None:
    """Nobody ever waits for more than a week."""
    begin(engine)
    end(engine, ago=timedelta(days=-8))
    assert rest(engine) == timedelta(0)
    assert begin(engine, guessed=True) == MINUTE
    assert rest(engine) > timedelta(0)


def test_new_credentials_end_all_pauses_of_their_connection(engine: Engine) -> None:
    """Limits were those of the old ones."""
    begin(engine)
    with writing(engine) as tx:
        rate_limits.block(tx, 2, PART, wait=MINUTE)
        rate_limits.clear(tx, 1)
    assert rest(engine) == timedelta(0)
    assert rest(engine, connection_id=2) > timedelta(0)
