"""No write transaction grows with the data: many rows are written batch by batch, and a kill in between is harmless."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables
from sync_service.store.engine.database import database_now, open_database, reading, writing
from sync_service.store.queue import clock_skew, due
from sync_service.store.queue.clock_skew import repair_due_times
from tests.support.written_rows import Killed, rows_per_transaction

pytestmark = pytest.mark.both_databases

MAILS, BATCH = 25, 10
IS_BURIED = tables.mail.c.buried_at.isnot(None)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with buried mails."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        now = database_now(tx)
        columns = {"recipient": "ana@example.com", "kind": "notice", "sealed_content": "", "created_at": now}
        rows = [{**columns, "message_id": f"m{number}", "buried_at": now} for number in range(MAILS)]
        tx.execute(sa.insert(tables.mail), rows)
    yield opened
    opened.dispose()


def count(engine: Engine, where: sa.ColumnElement[bool]) -> int:
    """Return how many mails there are of a kind."""
    with reading(engine) as tx:
        return tx.scalars(sa.select(sa.func.count(tables.mail.c.id)).where(where)).one()


def test_a_replay_of_many_rows_is_several_transactions(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more row in each is the change counter's."""
    monkeypatch.setattr(due, "REPLAYED", BATCH)
    with rows_per_transaction(engine) as counts:
        assert due.replay_all(engine, tables.mail, IS_BURIED) == MAILS
    assert counts == [BATCH + 1, BATCH + 1, MAILS - 2 * BATCH + 1]
    assert count(engine, IS_BURIED) == 0


def test_a_killed_replay_goes_on_with_the_rows_that_are_left(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before are due, the others still buried: each row is one or the other."""
    monkeypatch.setattr(due, "REPLAYED", BATCH)
    with pytest.raises(Killed), rows_per_transaction(engine, kill_after=1):
        due.replay_all(engine, tables.mail, IS_BURIED)
    assert count(engine, IS_BURIED) == MAILS - BATCH
    assert count(engine, tables.mail.c.due_at.isnot(None)) == BATCH
    assert due.replay_all(engine, tables.mail, IS_BURIED) == MAILS - BATCH


def test_a_clock_set_back_is_repaired_batch_by_batch(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that an outage left may be long."""
    monkeypatch.setattr(clock_skew, "BATCH", BATCH)
    with writing(engine) as tx:
        later = database_now(tx) + timedelta(days=1000)
        tx.execute(sa.update(tables.mail).values(due_at=later, buried_at=None))
    with rows_per_transaction(engine) as counts:
        assert repair_due_times(engine, settle=timedelta(0)) == MAILS
    assert counts == [BATCH, BATCH, MAILS - 2 * BATCH]
