"""Group commit: what arrives while one transaction commits is stored by the next one, together.

A durable commit costs a wait for the disk, however much it commits. So one caller at a time (in each lane) stores for
all that wait, and each returns once what it brought is committed. Where nobody waits, a caller stores its own at once.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import OperationalError

T = TypeVar("T")


class NotStored(Exception):
    """A thing was not committed; the cause says why."""


class _Caller(Generic[T]):
    """A caller with its thing. Its gate opens when the thing is stored, or when it has a batch to store."""

    __slots__ = ("batch", "error", "gate", "thing")

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.gate = threading.Lock()
        self.gate.acquire()
        self.batch: list[_Caller[T]] | None = None
        self.error: BaseException | None = InterruptedError("whoever was to store it was ended")


class Gathering(Generic[T]):
    """Stores things of several threads together, at most `most` at a time, in at most so many `lanes` side by side.

    `store` commits all it is given or raises. Where it raises for several, each is tried alone, so that what is wrong
    with one is told to its caller only; an `OperationalError` is the database's trouble and is told to all.
    """

    def __init__(self, store: Callable[[Sequence[T]], None], *, most: int, lanes: int) -> None:
        self._store = store
        self._most = most
        self._free = lanes
        self._lock = threading.Lock()
        self._line: list[_Caller[T]] = []  # empty while a lane is free

    def put(self, thing: T) -> None:
        """Return once the thing is committed. Raises `NotStored` from whatever kept it from that."""
        caller = _Caller(thing)
        with self._lock:
            if self._free:
                self._free -= 1
                caller.batch = [caller]
            else:
                self._line.append(caller)
        if caller.batch is None:
            caller.gate.acquire()
        if caller.batch is not None:
            self._lead(caller.batch)
        if caller.error is not None:
            raise NotStored(str(caller.error)) from caller.error

    def _lead(self, batch: Sequence[_Caller[T]]) -> None:
        """Store a batch, give the lane to whoever waits, and let those go whose things were stored."""
        try:
            self._store_all(batch)
        finally:
            with self._lock:
                following, self._line = self._line[: self._most], self._line[self._most :]
                self._free += not following
            if following:
                following[0].batch = following
                following[0].gate.release()
            for caller in batch:
                if caller.batch is None:
                    caller.gate.release()

    def _store_all(self, batch: Sequence[_Caller[T]]) -> None:
        try:
            self._store([caller.thing for caller in batch])
        except Exception as error:  # noqa: BLE001 - it is raised again for each caller whose it is
            if len(batch) > 1 and not isinstance(error, OperationalError):
                for caller in batch:
                    self._store_all([caller])
                return
            outcome: Exception | None = error
        else:
            outcome = None
        for caller in batch:
            caller.error = outcome
