"""Group commit: waiting deliveries share a transaction, and a caller returns only after its own is stored."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import OperationalError

from sync_service.ingest.group_commit import GroupCommit, NotStored
from tests.support.wait_until import until


@dataclass
class SlowStore:
    """A store whose first call waits for a gate, and which raises for some items."""

    errors: dict[str, BaseException] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, items: Sequence[str]) -> None:
        """Store a batch once the gate is open."""
        self.batches.append(list(items))
        self.gate.wait(20)
        for item in items:
            if item in self.errors:
                raise self.errors[item]


@dataclass
class Callers:
    """Threads that each put one item, and the outcome of each."""

    group_commit: GroupCommit[str]
    outcomes: dict[str, str] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def put(self, item: str) -> None:
        """Put an item from a new thread."""
        self.threads.append(threading.Thread(target=self._put, args=(item,)))
        self.threads[-1].start()

    def _put(self, item: str) -> None:
        try:
            self.group_commit.put(item)
            self.outcomes[item] = "stored"
        except NotStored as error:
            self.outcomes[item] = type(error.__cause__).__name__
        except KeyboardInterrupt:
            self.outcomes[item] = "interrupted"

    def put_while_busy(self, store: SlowStore, first: str, others: Sequence[str]) -> None:
        """Put an item, then others while it is being stored; then open the gate and wait for all."""
        self.put(first)
        until(lambda: store.batches, "the first is being stored")
        for number, item in enumerate(others, 1):
            self.put(item)
            until(lambda number=number: len(self.group_commit._waiting) == number, f"{item} waits")  # type: ignore[misc]  # mypy can't infer the lambda
        store.gate.set()
        for thread in self.threads:
            thread.join(20)


def test_items_that_wait_are_stored_in_one_batch() -> None:
    """The batch keeps their order."""
    store = SlowStore()
    callers = Callers(GroupCommit(store, most=10, parallel=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c", "d"]]
    assert callers.outcomes == dict.fromkeys("abcd", "stored")


def test_a_batch_has_a_maximum_size() -> None:
    """The next batch has the rest."""
    store = SlowStore()
    callers = Callers(GroupCommit(store, most=2, parallel=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c"], ["d"]]
    assert callers.outcomes == dict.fromkeys("abcd", "stored")


def test_several_batches_are_stored_in_parallel() -> None:
    """With two transactions at a time the second caller does not wait for the first."""
    store = SlowStore()
    callers = Callers(GroupCommit(store, most=10, parallel=2))
    callers.put("a")
    callers.put("b")
    until(lambda: len(store.batches) == 2, "both are being stored")
    callers.put("c")
    until(lambda: len(callers.group_commit._waiting) == 1, "the third waits")
    store.gate.set()
    for thread in callers.threads:
        thread.join(20)
    assert sorted(store.batches) == [["a"], ["b"], ["c"]]
    assert callers.outcomes == dict.fromkeys("abc", "stored")


def test_an_invalid_item_fails_only_its_own_caller() -> None:
    """The items of a failed batch are stored one by one."""
    store = SlowStore(errors={"c": ValueError("c is odd")})
    callers = Callers(GroupCommit(store, most=10, parallel=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c", "d"], ["b"], ["c"], ["d"]]
    assert callers.outcomes == {"a": "stored", "b": "stored", "c": "ValueError", "d": "stored"}


def test_a_database_error_fails_the_whole_batch_at_once() -> None:
    """Otherwise each caller would wait for the database once for each item."""
    store = SlowStore(errors={"c": OperationalError("INSERT", {}, Exception("database is locked"))})
    callers = Callers(GroupCommit(store, most=10, parallel=1))
    callers.put_while_busy(store, "a", ["b", "c"])
    assert store.batches == [["a"], ["b", "c"]]
    assert callers.outcomes == {"a": "stored", "b": "OperationalError", "c": "OperationalError"}


def test_an_interrupted_store_fails_all_callers_of_its_batch() -> None:
    """Nobody gets "stored" wrongly, and the next batch is not blocked."""
    store = SlowStore(errors={"b": KeyboardInterrupt()})
    callers = Callers(GroupCommit(store, most=10, parallel=1))
    callers.put_while_busy(store, "a", ["b", "c"])
    assert callers.outcomes == {"a": "stored", "b": "interrupted", "c": "InterruptedError"}
    callers.group_commit.put("d")
    assert store.batches[-1] == ["d"]


@pytest.mark.parametrize("parallel", [1, 3])
def test_each_item_of_many_callers_is_stored_once(parallel: int) -> None:
    """None of two hundred is lost or stored twice."""
    stored: list[str] = []
    group_commit: GroupCommit[str] = GroupCommit(stored.extend, most=7, parallel=parallel)
    callers = Callers(group_commit)
    for number in range(200):
        callers.put(str(number))
    for thread in callers.threads:
        thread.join(20)
    assert sorted(stored) == sorted(str(number) for number in range(200))
    assert set(callers.outcomes.values()) == {"stored"}
    assert len(callers.outcomes) == 200
