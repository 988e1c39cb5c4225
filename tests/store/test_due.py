"""Due rows: claim, lease, settle, postpone, bury, replay."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from sync_service.store import tables
from sync_service.store.engine.database import database_now, open_database, reading, writing
from sync_service.store.queue import due

pytestmark = pytest.mark.both_databases

MAIL = tables.mail
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with ten mails, due one second after the other, all in the past."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        now = database_now(tx)
        rows = [
            {
                "message_id": f"m{number}",
                "recipient": "ana@example.com",
                "kind": "notice",
                "sealed_content": "",
                "created_at": now,
                "due_at": now - timedelta(seconds=60 - number),
            }
            for number in range(10)
        ]
        tx.execute(sa.insert(MAIL), rows)
    yield opened
    opened.dispose()


def row(engine: Engine, row_id: int) -> Row[Any]:
    """Return one mail."""
    with reading(engine) as tx:
        return tx.execute(sa.select(MAIL).where(MAIL.c.id == row_id)).one()


def test_the_oldest_due_rows_are_claimed_first(engine: Engine) -> None:
    """Up to the limit, each with a token and a counted attempt."""
    claimed = due.claim(engine, MAIL, limit=3)
    assert [one.message_id for one in claimed] == ["m0", "m1", "m2"]
    assert {one.attempts for one in claimed} == {1}
    assert all(one.lease for one in claimed)


def test_a_claimed_row_is_not_claimed_again_during_its_lease(engine: Engine) -> None:
    """Ten rows and two claims of six give six and four."""
    assert [len(due.claim(engine, MAIL, limit=6)) for _ in range(3)] == [6, 4, 0]


def test_an_expired_lease_makes_the_row_due_again(engine: Engine) -> None:
    """The lease of a dead worker ends by itself."""
    due.claim(engine, MAIL, limit=10, lease=timedelta(0))
    again = due.claim(engine, MAIL, limit=10)
    assert len(again) == 10
    assert {one.attempts for one in again} == {2}


def test_a_settled_row_is_done(engine: Engine) -> None:
    """It keeps its outcome and is not due."""
    (claimed,) = due.claim(engine, MAIL, limit=1)
    with writing(engine) as tx:
        due.settle(tx, MAIL, [claimed], [{"outcome": "sent"}])
    found = row(engine, claimed.id)
    assert (found.due_at, found.lease, found.outcome) == (None, None, "sent")
    assert found.settled_at is not None


@pytest.mark.parametrize("finish", ["settle", "postpone", "bury", "hand_back"])
def test_a_worker_that_lost_its_lease_can_finish_nothing(engine: Engine, finish: str) -> None:
    """The changes of its transaction are rolled back."""
    (stalled,) = due.claim(engine, MAIL, limit=1, lease=timedelta(0))
    taken_over = next(one for one in due.claim(engine, MAIL, limit=10) if one.id == stalled.id)
    acts: dict[str, Callable[[Connection], object]] = {
        "settle": lambda tx: due.settle(tx, MAIL, [stalled], [{"outcome": "late"}]),
        "postpone": lambda tx: due.postpone(tx, MAIL, stalled, wait=HOUR, outcome="late"),
        "bury": lambda tx: due.bury(tx, MAIL, stalled, reason="late"),
        "hand_back": lambda tx: due.release(tx, MAIL, stalled, outcome="late"),
    }

    def too_late() -> None:
        with writing(engine) as tx:
            tx.execute(sa.update(MAIL).values(kind="spoiled"))
            acts[finish](tx)

    with pytest.raises(due.LeaseLost):
        too_late()
    assert row(engine, stalled.id).kind == "notice"
    assert row(engine, stalled.id).lease == taken_over.lease


def test_one_lost_lease_among_many_rolls_back_all(engine: Engine) -> None:
    """Settling checks every token."""
    claimed = due.claim(engine, MAIL, limit=3)
    with writing(engine) as tx:
        tx.execute(sa.update(MAIL).where(MAIL.c.id == claimed[1].id).values(lease="somebody else"))

    def settle() -> None:
        with writing(engine) as tx:
            due.settle(tx, MAIL, claimed, [{"outcome": "sent"}] * 3)

    with pytest.raises(due.LeaseLost):
        settle()
    assert {row(engine, one.id).outcome for one in claimed} == {""}


def test_a_postponed_row_waits(engine: Engine) -> None:
    """It keeps the reason."""
    (claimed,) = due.claim(engine, MAIL, limit=1)
    with writing(engine) as tx:
        now = database_now(tx)
        due.postpone(tx, MAIL, claimed, wait=HOUR, outcome="the server is away")
    found = row(engine, claimed.id)
    assert found.due_at - now >= HOUR
    assert found.outcome == "the server is away"
    assert len(due.claim(engine, MAIL, limit=10)) == 9


def test_a_buried_row_waits_for_a_replay(engine: Engine) -> None:
    """A replay starts with the first attempt."""
    (claimed,) = due.claim(engine, MAIL, limit=1)
    with writing(engine) as tx:
        due.bury(tx, MAIL, claimed, reason="550 unknown user")
    assert row(engine, claimed.id).buried_at is not None
    with writing(engine) as tx:
        assert due.replay(tx, MAIL, MAIL.c.buried_at.isnot(None)) == 1
    again = row(engine, claimed.id)
    assert (again.buried_at, again.attempts, again.outcome) == (None, 0, "")
    assert again.id in {one.id for one in due.claim(engine, MAIL, limit=10)}


def test_many_workers_share_the_rows_without_overlap(engine: Engine) -> None:
    """Each row is claimed by exactly one worker."""
    taken: list[int] = []

    def work() -> None:
        while claimed := due.claim(engine, MAIL, limit=2):
            taken.extend(one.id for one in claimed)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == [row(engine, number).id for number in range(1, 11)]


def test_due_rows_are_found_by_the_index(engine: Engine) -> None:
    """The query runs every second, so it must not scan a large table."""
    statements: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *event: statements.append(event[2:4]))
    with reading(engine) as tx:
        due.tables_with_due_rows(tx)
        statement, parameters = statements[-1]
        if engine.dialect.name == "postgresql":
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are empty
            plan = [row[0] for row in tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
        else:
            plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert sum("Index Cond: (due_at <= " in step or "(due_at<?)" in step for step in plan) == len(due.TABLES), plan


def test_tables_with_due_rows_are_listed(engine: Engine) -> None:
    """The scheduler wakes the workers of these tables. The lag is that of the oldest row."""
    with reading(engine) as tx:
        assert due.tables_with_due_rows(tx) == ["mail"]
        lag = due.oldest_lag(tx)
    assert lag is not None
    assert lag >= timedelta(seconds=60)
    due.claim(engine, MAIL, limit=10)
    with reading(engine) as tx:
        assert due.tables_with_due_rows(tx) == []
        assert due.oldest_lag(tx) is None


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (30, 3600)])
def test_backoff_doubles_up_to_an_hour(attempts: int, seconds: int) -> None:
    """It starts at two seconds."""
    assert due.wait_after(attempts) == timedelta(seconds=seconds)
