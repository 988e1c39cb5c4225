"""Calls to trackers while somebody waits for a page: a few seconds, and never more than a few at once.

A tracker that is slow must not hold the threads that answer everybody else. A call that takes too long is left to end
by itself, within the connector's own bounds, and its answer to nobody.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from sync_service.domain.connectors import Unavailable

T = TypeVar("T")


class NoRoom(Unavailable):
    """The call was not begun: nothing has happened."""


class TooSlow(Unavailable):
    """The call is left to end by itself: what it does may still happen."""


SECONDS = 8.0
"""How long a page waits for a tracker."""

AT_ONCE = 4
"""Calls of one process under way, those that nobody waits for any more among them."""

_ROOM = threading.BoundedSemaphore(AT_ONCE)


def briefly(call: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """Give what a call gives, or raise what it raises.

    Raises `NoRoom` where it can't begin within so many seconds, and `TooSlow` where it takes longer.
    """
    if not _ROOM.acquire(timeout=seconds):
        raise NoRoom("too many calls to trackers are under way; try again in a moment")
    answers: SimpleQueue[tuple[T, None] | tuple[None, Exception]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:  # noqa: BLE001 - it is raised again for who waits
            answers.put((None, error))
        finally:
            _ROOM.release()

    threading.Thread(target=run, name="a call for a page", daemon=True).start()
    try:
        found, error = answers.get(timeout=seconds)
    except Empty:
        raise TooSlow(f"the tracker does not answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # what has no error is an answer
