"""Read large deliveries one at a time on a machine: parsing a nested body takes many times its size of memory.

The kernel releases the lock when its process ends for any reason.
"""

import fcntl
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sync_service.store.trackers.inbox import LARGE_BODY


@contextmanager
def one_at_a_time(lock: Path | None, largest: Callable[[], int]) -> Iterator[None]:
    """Wait until no other process of this machine reads a large delivery, if the `largest` to be read is one.

    The delivery is read from the database after the wait. Without a usable lock file there is no wait.
    """
    if lock is None or largest() <= LARGE_BODY:
        yield
        return
    with ExitStack() as opened:
        with suppress(OSError):
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            opened.callback(os.close, file)
            fcntl.flock(file, fcntl.LOCK_EX)
        gc.collect()  # what is left of the one before, and then of this one, before the next process reads one
        yield
        gc.collect()
