"""A worker may crash between any two statements: a batch is stored in full or not at all."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.faults.conftest import LONG
from tests.faults.crashing_worker import CrashingWorker
from tests.faults.oracle_check import apply_in_order, broken_entries, check, furnish, receive
from tests.faults.workload import SignedDelivery, Workload
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

DELIVERIES = 25
LATEST = 60
"""Statements before the last crash; a drain of a batch has some tens of them."""


def examples(*, short: int, long: int) -> settings:
    """Return Hypothesis settings with this many examples, in short or long runs."""
    return settings(
        max_examples=long if LONG else short,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # examples are too slow to shrink
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def crashing_worker(databases: Databases, tmp_path: Path) -> Iterator[CrashingWorker]:
    """Yield a crashing worker on either database."""
    made = CrashingWorker(databases.prepared(prepare), tmp_path)
    furnish(made.services)
    made.services.drains.drain_everything()
    yield made
    made.close()


def empty(engine: Engine) -> None:
    """Delete all data from trackers, so that one database serves many examples."""
    cleared = (tables.link, tables.issue, tables.history, tables.notice, tables.mail, tables.delivery, tables.term)
    with writing(engine) as tx:
        for table in cleared:
            tx.execute(table.delete())
        unknown = {"current": None, "progress": None, "status": "no_data", "computed": None, "computed_from": None}
        tx.execute(tables.key_result.update().values(unknown))


def deliveries(seed: int) -> list[SignedDelivery]:
    """Return the first deliveries of a workload."""
    history = Workload(seed)
    found = [history.next() for _ in range(DELIVERIES)]
    history.close()
    return found


@examples(short=4, long=500)
@given(st.integers(0, 10**9), st.lists(st.lists(st.integers(0, LATEST), max_size=3), min_size=1, max_size=8))
def test_any_order_any_repeat_and_any_kill_end_in_the_same_numbers(
    crashing_worker: CrashingWorker, oracle: Services, seed: int, crashes: list[list[int]]
) -> None:
    """Deliveries arrive shuffled, some twice, in batches; the worker crashes up to three times per batch."""
    for engine in (crashing_worker.services.engine, oracle.engine):
        empty(engine)
    chance = random.Random(seed)  # noqa: S311 - a seed makes it repeatable
    history = deliveries(seed)
    arriving = [*history, *chance.sample(history, k=DELIVERIES // 4)]
    chance.shuffle(arriving)
    for number, crash_after in enumerate(crashes):
        for delivery in arriving[number :: len(crashes)]:
            receive(crashing_worker.services, delivery)
        crashing_worker.drain(crash_after=crash_after)
    check(
        crashing_worker.services.engine, oracle=oracle, sent=history, acknowledged=[delivery.id for delivery in history]
    )


@pytest.mark.parametrize("databases", ["sqlite", "postgresql"] if LONG or ALL else ["sqlite"], indirect=True)
@examples(short=2, long=60)
@given(st.integers(0, 10**9), st.lists(st.integers(0, LATEST), min_size=DELIVERIES, max_size=DELIVERIES))
def test_in_order_history_and_mails_equal_the_oracles_despite_crashes(
    crashing_worker: CrashingWorker, oracle: Services, seed: int, crashes: list[int]
) -> None:
    """With one crash in the drain of each delivery, every history entry and every mail is the same."""
    for engine in (crashing_worker.services.engine, oracle.engine):
        empty(engine)
    history = deliveries(seed)
    for delivery, statements in zip(history, crashes, strict=True):
        receive(crashing_worker.services, delivery)
        crashing_worker.drain(crash_after=[statements])
    apply_in_order(oracle, history)
    assert crashing_worker.crashes > 0
    assert entries(crashing_worker.services.engine) == entries(oracle.engine)
    assert mails(crashing_worker.services.engine) == mails(oracle.engine)
    assert broken_entries(crashing_worker.services.engine) == []


def entries(engine: Engine) -> list[tuple[Any, ...]]:
    """Return each key result's history, oldest first, without its times."""
    h, k = tables.history, tables.key_result
    columns = sa.select(k.c.slug, h.c["from"], h.c.to, h.c.causes).join(k, k.c.id == h.c.key_result_id)
    with reading(engine) as tx:
        return [tuple(row) for row in tx.execute(columns.order_by(k.c.slug, h.c.id))]


def mails(engine: Engine) -> list[tuple[Any, ...]]:
    """Return the recipient and the notices of each mail."""
    n, m = tables.notice, tables.mail
    columns = sa.select(m.c.id, m.c.kind, m.c.recipient, n.c.key_result_id, n.c.from_value, n.c.to_value, n.c.causes)
    with reading(engine) as tx:
        rows = tx.execute(columns.join(n, n.c.mail_id == m.c.id).order_by(m.c.id, n.c.id)).all()
    numbers = {mail: number for number, mail in enumerate(sorted({row.id for row in rows}))}
    return [(numbers[row.id], *row[1:]) for row in rows]


@pytest.mark.parametrize("seed", [1])
def test_a_kill_at_every_statement_of_one_drain_changes_nothing(
    crashing_worker: CrashingWorker, new_oracle: Callable[[], Services], seed: int
) -> None:
    """Crash the same batch after the first statement, then after the second, and so on."""
    oracle = new_oracle()
    history = deliveries(seed)
    apply_in_order(oracle, history)
    for statements in range(0, 400, 1 if LONG else 13 if ALL else 26):
        empty(crashing_worker.services.engine)
        for delivery in history:
            receive(crashing_worker.services, delivery)
        before = crashing_worker.crashes
        crashing_worker.drain(crash_after=[statements])
        assert broken_entries(crashing_worker.services.engine) == []
        assert values(crashing_worker.services.engine) == values(oracle.engine)
        if crashing_worker.crashes == before:
            return
    raise AssertionError("one drain takes more than 400 statements")


def values(engine: Engine) -> list[tuple[Any, ...]]:
    """Return the values of the key results."""
    k = tables.key_result
    with reading(engine) as tx:
        return [tuple(row) for row in tx.execute(sa.select(k.c.slug, k.c.current, k.c.progress).order_by(k.c.slug))]
