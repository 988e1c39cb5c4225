"""Memory of processes: large blocks go back to the system, and garbage is collected less often or not at all."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_MMAP_THRESHOLD = -3  # https://man7.org/linux/man-pages/man3/mallopt.3.html
LARGE_BLOCK = 128 * 1024

OBJECTS_BEFORE_COLLECTION = 5_000
"""New objects before the garbage collector runs.

A batch of deliveries makes many that live until it is stored; with Python's own 700 the collector visits them again and
again, which takes a tenth of the time.
"""


def collect_less_often() -> None:
    """Run the garbage collector less often in this process. Not in web processes: requests are in circles."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)


@contextmanager
def collect_nothing() -> Iterator[None]:
    """Run no garbage collector until the end of the block, and exclude the new objects from later runs.

    Use it for imports, whose objects stay: visiting them again and again took a sixth of the time that a command or a
    process needs to start.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def return_large_blocks() -> None:
    """Give blocks of memory over `LARGE_BLOCK` bytes back to the system as soon as they are free.

    Otherwise glibc raises that bound to the largest block so far, and a process stays as large as its largest request.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None and hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
