"""Questions to trackers that a request waits for: one at a time in each process, so that others keep their threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync_service.web.request.sign_in import limiter

LIMIT = "30 per minute"
"""Most questions of one client address: GitHub allows thirty searches a minute."""

BUSY = "Another question to a tracker is waiting for its answer; try again in a few seconds."

limited = limiter.shared_limit(LIMIT, scope="tracker questions")
"""Limits a route that asks; all such routes together."""

_one_at_a_time = threading.Lock()


class Busy(Exception):
    """Another request waits for a tracker."""


@contextmanager
def asking() -> Iterator[None]:
    """Hold the only place. Raise `Busy` when it is taken."""
    if not _one_at_a_time.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _one_at_a_time.release()
