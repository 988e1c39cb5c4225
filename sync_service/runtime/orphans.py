"""Orphans: processes whose parent died, which Linux gives to process 1 or to a subreaper.

In a container `okr-sync up` is process 1. No other process waits for them, so each would stay as a zombie.
"""

import contextlib
import ctypes
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from sync_service.runtime.child_process import LIBC

PR_GET_CHILD_SUBREAPER = 37  # https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
PROCESSES = Path("/proc")


def inherits_orphans() -> bool:
    """Return whether the kernel makes orphans children of this process."""
    if os.getpid() == 1:
        return True
    asked = ctypes.c_int(0)
    return (
        LIBC is not None and LIBC.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(asked), 0, 0, 0) == 0 and asked.value != 0
    )


def reap_orphans(own: Collection[int]) -> list[int]:
    """Reap the ended children that this process did not start itself; return their process ids.

    `own` are the ids of those that it did start: their exit codes are for the code that waits for them. Call it where
    no other code starts processes meanwhile. Each child is asked for by its id, because `waitid` for any child would
    show the same ended child of our own again and again.
    """
    return [pid for pid in _children() if pid not in own and _reap(pid)]


def _reap(pid: int) -> bool:
    """Reap a child if it has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def _children() -> Iterator[int]:
    """Yield the process ids of our children, ended ones too."""
    lists = list(PROCESSES.glob("self/task/*/children"))
    if not lists:  # a kernel built without this file
        yield from _children_by_parent()
    for file in lists:
        with contextlib.suppress(OSError):  # the thread has ended
            yield from map(int, file.read_text().split())


def _children_by_parent() -> Iterator[int]:
    """Yield the same, out of the list of all processes (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    for file in PROCESSES.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has ended
            _, parent, *_ = file.read_bytes().rpartition(b")")[2].split()
            if int(parent) == os.getpid():
                yield int(file.parent.name)
