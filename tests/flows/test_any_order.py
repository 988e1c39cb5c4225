"""Any order, repeats and concurrent workers give the same result as one thread that applies deliveries in order."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.trackers.observations import (
    Closing,
    Kind,
    Observation,
    Parent,
    ParentSeen,
    ScopeRef,
    Snapshot,
    State,
    Tombstone,
)
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.history import is_shown
from tests.domain.factories import CHECKOUT, at, snapshot
from tests.support.fake_tracker import CoreHarness, open_core_harness
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases

ISSUES = 4


def issue_change(number: int, second: int, state: State, *, labelled: bool) -> Snapshot:
    """Return a snapshot of one issue."""
    return snapshot(
        second,
        identity=f"501#{number}",
        key=f"acme/checkout#{number}",
        state=state,
        closed_at=at(second) if state in (State.DONE, State.DROPPED) else None,
        labels=["checkout"] if labelled else [],
    )


def pull_request_change(number: int, second: int, state: State, closes: list[int] | None) -> Snapshot:
    """Return a snapshot of a labelled pull request that closes these issues; None means unknown."""
    keys = None if closes is None else tuple(Closing(f"acme/checkout#{one}", f"501#{one}") for one in closes)
    one = issue_change(ISSUES + number, second, state, labelled=True)
    return replace(one, kind=Kind.PULL_REQUEST, closes=keys)


def parent_change(number: int, second: int) -> ParentSeen:
    """Return a parent of an issue, a different one each second: at equal times the last one received wins."""
    return ParentSeen(
        identity=f"501#{number}",
        key=f"acme/checkout#{number}",
        scope=CHECKOUT,
        parent=Parent(f"acme/epics#{second}" if second % 3 else None),
        at=at(second),
    )


changes = st.lists(
    st.builds(
        lambda number, second, state, labelled: issue_change(number, second, state, labelled=labelled),
        st.integers(1, ISSUES),
        st.integers(0, 5),
        st.sampled_from(list(State)),
        st.booleans(),
    )
    | st.builds(
        pull_request_change,
        st.integers(1, 2),
        st.integers(0, 5),
        st.sampled_from(list(State)),
        st.none() | st.lists(st.integers(1, ISSUES), max_size=2),
    )
    | st.builds(parent_change, st.integers(1, ISSUES), st.integers(0, 5))
    | st.builds(
        lambda number: Tombstone(identity=f"501#{number}", key=f"acme/checkout#{number}"), st.integers(1, ISSUES)
    ),
    min_size=1,
    max_size=12,
)


def open_harness(url: str) -> CoreHarness:
    """Return a harness in which the label `checkout` counts toward KR-1."""
    core = open_core_harness(url)
    core.rule("checkout-label", core.key_result(), {"field": "labels", "has": "checkout"})
    return core


def final_state(core: CoreHarness) -> tuple[object, ...]:
    """Return the state that must not depend on the order: issues, relations, links and value."""
    found = core.rows(tables.issue)
    issues = sorted(
        (one.identity, str(one.state), tuple(one.labels), str(one.gone_reason), one.in_doubt, str(one.parent_key))
        for one in found
    )
    identities = {one.id: one.identity for one in found}
    links = sorted((identities[one.issue_id], one.origin) for one in core.rows(tables.link))
    closings = sorted((identities[one.issue_id], one.key) for one in core.rows(tables.closing_link))
    return (issues, closings, links, core.value(), core.key_result_row().status)


def history_is_continuous(core: CoreHarness) -> bool:
    """Return whether each history entry starts at the value of the one before."""
    entries = core.rows(tables.history, is_shown)
    return all(one.to == other._mapping["from"] for one, other in pairwise(entries))


@pytest.fixture
def cores(new_core: Callable[[], CoreHarness]) -> tuple[CoreHarness, CoreHarness]:
    """Return the oracle's harness and the harness under test."""
    return new_core(), new_core()


@pytest.fixture
def new_core(databases: Databases) -> Iterator[Callable[[], CoreHarness]]:
    """Yield a function that opens equal harnesses, each on its own database."""
    made: list[CoreHarness] = []

    def make() -> CoreHarness:
        made.append(open_harness(databases.prepared(prepare)))
        return made[-1]

    yield make
    for core in made:
        core.engine.dispose()


@pytest.mark.slow
@settings(
    max_examples=60 if ALL else 15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(changes, st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_ends_with_the_same_values(
    cores: tuple[CoreHarness, CoreHarness], history: list[Observation], chance: random.Random, batch: int
) -> None:
    """The oracle applies them in order, one by one; the other gets them shuffled, repeated and in batches."""
    oracle, core = cores
    for one in (oracle, core):
        clear(one)
    for observation in history:
        oracle.receive_and_drain(observation)
    arriving = [*history, *chance.sample(history, k=len(history) // 2)]
    chance.shuffle(arriving)
    for count, observation in enumerate(arriving):
        core.post(observation)
        if count % batch == 0:
            core.drain()
    core.drain()
    assert final_state(core) == final_state(oracle)
    assert history_is_continuous(core)
    assert history_is_continuous(oracle)


def clear(core: CoreHarness) -> None:
    """Delete all issues, so that one harness serves many examples."""
    with writing(core.engine) as tx:
        for table in (
            tables.link,
            tables.closing_link,
            tables.issue,
            tables.history,
            tables.notice,
            tables.delivery,
            tables.fetch_request,
        ):
            tx.execute(table.delete())
        tx.execute(tables.key_result.update().values(current=None, progress=None, status="no_data"))


@pytest.mark.both_databases
def test_an_issue_that_left_the_watched_scopes_does_not_count_in_any_order(
    new_core: Callable[[], CoreHarness],
) -> None:
    """The delivery of its move arrives before the first one from the watched scope."""
    core = new_core()
    stayed = issue_change(1, 1, State.TODO, labelled=True)
    left = issue_change(2, 1, State.DONE, labelled=True)
    moved = replace(left, scope=ScopeRef("999", "acme/attic"), updated_at=at(2), came_from=CHECKOUT)
    for observation in (stayed, moved, left):
        core.receive_and_drain(observation)
    assert [link.issue_id for link in core.rows(tables.link)] == [core.rows(tables.issue)[0].id]
    assert core.value() == 0


@pytest.mark.both_databases
@pytest.mark.slow
def test_concurrent_workers_get_the_same_result(cores: tuple[CoreHarness, CoreHarness]) -> None:
    """Three workers drain while deliveries arrive; nothing is lost and nothing is counted twice."""
    oracle, core = cores
    chance = random.Random(7)  # noqa: S311 - a seed makes it repeatable
    history = [
        issue_change(chance.randint(1, 9), second, chance.choice(list(State)), labelled=chance.random() < 0.8)
        for second in range(150 if ALL else 60)
    ]
    done = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not done.is_set() or core.drains.due():
                for name in core.drains.due():
                    core.drains.drain(name)
        except BaseException as error:
            failed.append(error)
            raise

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    arriving = history[:]
    chance.shuffle(arriving)
    for observation in arriving:
        core.post(observation)
    done.set()
    for worker in workers:
        worker.join()
    assert failed == []
    for observation in history:
        oracle.receive_and_drain(observation)
    assert final_state(core) == final_state(oracle)
    assert history_is_continuous(core)
