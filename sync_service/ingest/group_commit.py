"""Group commit: items that arrive while a transaction commits are stored together in the next transaction.

A durable commit waits for the disk once, for any number of items. So one caller at a time (per slot) stores the items
of all waiting callers, and each caller returns when its item is committed. When nobody waits, a caller stores its item
at once.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sync_service.store.engine.availability import is_away

T = TypeVar("T")


class NotStored(Exception):
    """An item was not committed; the cause says why."""


class _Caller(Generic[T]):
    """A caller with its item. The gate opens when the item is stored, or when the caller must store a batch."""

    __slots__ = ("batch", "error", "gate", "item")

    def __init__(self, item: T) -> None:
        self.item = item
        self.gate = threading.Lock()
        self.gate.acquire()
        self.batch: list[_Caller[T]] | None = None
        self.error: BaseException | None = InterruptedError("the thread that should store it was ended")


class GroupCommit(Generic[T]):
    """Stores items of several threads together in one transaction.

    At most `most` items in a transaction, and at most `parallel` transactions at a time. `store` commits all items or
    raises. When it raises for several items, each is tried alone, so that an error of one item reaches its caller only.
    A failure of the database reaches all callers.
    """

    def __init__(self, store: Callable[[Sequence[T]], None], *, most: int, parallel: int) -> None:
        self._store = store
        self._most = most
        self._free_slots = parallel
        self._lock = threading.Lock()
        self._waiting: list[_Caller[T]] = []  # empty while a slot is free

    def put(self, item: T) -> None:
        """Return when the item is committed. Raise `NotStored` from the error that prevented it."""
        caller = _Caller(item)
        with self._lock:
            if self._free_slots:
                self._free_slots -= 1
                caller.batch = [caller]
            else:
                self._waiting.append(caller)
        if caller.batch is None:
            caller.gate.acquire()
        if caller.batch is not None:
            self._lead(caller.batch)
        if caller.error is not None:
            raise NotStored(str(caller.error)) from caller.error

    def _lead(self, batch: Sequence[_Caller[T]]) -> None:
        """Store a batch, pass the slot to the next waiting caller, and let the callers of this batch return."""
        try:
            self._store_all(batch)
        finally:
            with self._lock:
                following, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                self._free_slots += not following
            if following:
                following[0].batch = following
                following[0].gate.release()
            for caller in batch:
                if caller.batch is None:
                    caller.gate.release()

    def _store_all(self, batch: Sequence[_Caller[T]]) -> None:
        try:
            self._store([caller.item for caller in batch])
        except Exception as error:  # noqa: BLE001 - it is raised again in each caller it concerns
            if len(batch) > 1 and not is_away(error):
                for caller in batch:
                    self._store_all([caller])
                return
            outcome: Exception | None = error
        else:
            outcome = None
        for caller in batch:
            caller.error = outcome
