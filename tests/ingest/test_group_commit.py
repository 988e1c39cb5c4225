"""Group commit: together while the store is busy, alone otherwise, and nobody is told "stored" who is not."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import OperationalError

from sync_service.ingest.group_commit import GroupCommit, NotStored
from tests.support.wait_until import until


@dataclass
class Slow:
    """A store that waits at a gate in its first call, and refuses what it is told to refuse."""

    refuses: dict[str, BaseException] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, things: Sequence[str]) -> None:
        """Take things, once the gate is open."""
        self.batches.append(list(things))
        self.gate.wait(20)
        for thing in things:
            if thing in self.refuses:
                raise self.refuses[thing]


@dataclass
class Callers:
    """Threads that each put one thing, and what became of it."""

    gathering: GroupCommit[str]
    told: dict[str, str] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def put(self, thing: str) -> None:
        """Put a thing from a thread of its own."""
        self.threads.append(threading.Thread(target=self._put, args=(thing,)))
        self.threads[-1].start()

    def _put(self, thing: str) -> None:
        try:
            self.gathering.put(thing)
            self.told[thing] = "stored"
        except NotStored as error:
            self.told[thing] = type(error.__cause__).__name__
        except KeyboardInterrupt:
            self.told[thing] = "ended"

    def put_while_busy(self, store: Slow, first: str, others: Sequence[str]) -> None:
        """Put a thing, then others while it is being stored, and let all go on."""
        self.put(first)
        until(lambda: store.batches, "the first is being stored")
        for number, thing in enumerate(others, 1):
            self.put(thing)
            until(lambda number=number: len(self.gathering._waiting) == number, f"{thing} waits")  # type: ignore[misc]  # mypy can't infer the lambda
        store.gate.set()
        for thread in self.threads:
            thread.join(20)


def test_what_comes_while_one_is_stored_is_stored_together() -> None:
    """The second transaction has all that waited, in their order."""
    store = Slow()
    callers = Callers(GroupCommit(store, most=10, lanes=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c", "d"]]
    assert callers.told == dict.fromkeys("abcd", "stored")


def test_no_batch_is_larger_than_the_most() -> None:
    """The rest is the next batch's."""
    store = Slow()
    callers = Callers(GroupCommit(store, most=2, lanes=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c"], ["d"]]
    assert callers.told == dict.fromkeys("abcd", "stored")


def test_lanes_store_side_by_side() -> None:
    """With two lanes the second caller does not wait for the first."""
    store = Slow()
    callers = Callers(GroupCommit(store, most=10, lanes=2))
    callers.put("a")
    callers.put("b")
    until(lambda: len(store.batches) == 2, "both are being stored")
    callers.put("c")
    until(lambda: len(callers.gathering._waiting) == 1, "the third waits")
    store.gate.set()
    for thread in callers.threads:
        thread.join(20)
    assert sorted(store.batches) == [["a"], ["b"], ["c"]]
    assert callers.told == dict.fromkeys("abc", "stored")


def test_what_is_wrong_with_one_is_told_to_its_caller_alone() -> None:
    """The batch is tried one by one."""
    store = Slow(refuses={"c": ValueError("c is odd")})
    callers = Callers(GroupCommit(store, most=10, lanes=1))
    callers.put_while_busy(store, "a", ["b", "c", "d"])
    assert store.batches == [["a"], ["b", "c", "d"], ["b"], ["c"], ["d"]]
    assert callers.told == {"a": "stored", "b": "stored", "c": "ValueError", "d": "stored"}


def test_the_databases_trouble_is_told_to_all_and_tried_once() -> None:
    """Nobody waits for the database once for each delivery of a batch."""
    store = Slow(refuses={"c": OperationalError("INSERT", {}, Exception("database is locked"))})
    callers = Callers(GroupCommit(store, most=10, lanes=1))
    callers.put_while_busy(store, "a", ["b", "c"])
    assert store.batches == [["a"], ["b", "c"]]
    assert callers.told == {"a": "stored", "b": "OperationalError", "c": "OperationalError"}


def test_who_is_ended_while_storing_for_others_lets_them_know() -> None:
    """Nobody is told that their thing is stored, and the lane is free again."""
    store = Slow(refuses={"b": KeyboardInterrupt()})
    callers = Callers(GroupCommit(store, most=10, lanes=1))
    callers.put_while_busy(store, "a", ["b", "c"])
    assert callers.told == {"a": "stored", "b": "ended", "c": "InterruptedError"}
    callers.gathering.put("d")
    assert store.batches[-1] == ["d"]


@pytest.mark.parametrize("lanes", [1, 3])
def test_many_callers_at_once_are_all_stored_once(lanes: int) -> None:
    """Nothing is lost or stored twice when two hundred come in a rush."""
    kept: list[str] = []
    gathering: GroupCommit[str] = GroupCommit(kept.extend, most=7, lanes=lanes)
    callers = Callers(gathering)
    for number in range(200):
        callers.put(str(number))
    for thread in callers.threads:
        thread.join(20)
    assert sorted(kept) == sorted(str(number) for number in range(200))
    assert set(callers.told.values()) == {"stored"}
    assert len(callers.told) == 200
