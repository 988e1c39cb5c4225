"""Tracker calls during a page request, with a timeout (8 s) and a concurrency limit (4).

A slow tracker must not block the threads that serve other requests. A call that takes too long goes on in its own
thread until the connector's own timeout; its result is dropped.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from sync_service.domain.trackers.connector import Unavailable

T = TypeVar("T")


class TooManyCalls(Unavailable):
    """Too many calls are running; this one was not started."""


class CallTimedOut(Unavailable):
    """The call took too long. It continues, so its effect may still happen."""


SECONDS = 8.0
"""Timeout of a call."""

MAX_CONCURRENT = 4
"""Maximum running calls per process, including those that timed out."""

_SLOTS = threading.BoundedSemaphore(MAX_CONCURRENT)


def call_with_timeout(call: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """Return the result of `call()`, or raise its error.

    Raise `TooManyCalls` when it can't start within `seconds`, and `CallTimedOut` when it takes longer than that.
    """
    if not _SLOTS.acquire(timeout=seconds):
        raise TooManyCalls("too many calls to trackers are running; try again in a moment")
    results: SimpleQueue[tuple[T, None] | tuple[None, Exception]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            results.put((None, error))
        finally:
            _SLOTS.release()

    try:
        threading.Thread(target=run, name="tracker call of a page", daemon=True).start()
    except RuntimeError:  # no further thread can be started, so nobody else gives the slot back
        _SLOTS.release()
        raise TooManyCalls("no call to a tracker can be started now; try again in a moment") from None
    try:
        result, error = results.get(timeout=seconds)
    except Empty:
        raise CallTimedOut(f"the tracker does not answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error it is a result
