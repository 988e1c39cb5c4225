"""The queue of writers of a SQLite file: a waiting writer gets the lock before the one that had it last.

SQLite lets each writer try again and again, and the one that has just written tries first. So a process with many short
transactions could keep others from writing for ever. Here a writer first takes a lock file, keeps it until it has
SQLite's lock, and then gives it to the next. The kernel releases a lock when its process ends for any reason.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog
from setproctitle import getproctitle

log = structlog.get_logger(__name__)

SUFFIX = "-writer"
EVERY_SECONDS = 0.003
SAY_SECONDS = 1.0
"""After this time the log says what a writer waits for."""

_COMMAND = re.compile(r"okr-sync [a-z-]+(?: \d+)?")
_HOLDER_BYTES = 100


@dataclass(slots=True)
class Front:
    """One writer's wait for the lock. `file` None: the lock file can't be used, and SQLite's lock alone decides."""

    file: int | None
    began: float
    seconds: float
    logged: bool = False

    @property
    def holder(self) -> str:
        """The last writer: its command and process."""
        with suppress(OSError):
            if self.file is not None and (text := os.pread(self.file, _HOLDER_BYTES, 0).decode().strip()):
                return text
        return "another process"

    def wait_more(self) -> bool:
        """Return whether there is time left; say once what this writer waits for."""
        waited = time.monotonic() - self.began
        if waited > SAY_SECONDS and not self.logged:
            self.logged = True
            log.warning("waiting to write to the database", writing_now=self.holder)
        return waited < self.seconds

    def write_holder(self) -> None:
        """Write down who holds SQLite's lock from now on."""
        with suppress(OSError):
            if self.file is not None:
                os.pwrite(self.file, process_name().encode()[:_HOLDER_BYTES].ljust(_HOLDER_BYTES), 0)


class WriteQueue:
    """The writers of one SQLite file, in all processes and threads of this machine."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + SUFFIX)

    @contextmanager
    def at_the_front(self, *, seconds: float) -> Iterator[Front]:
        """Wait until this writer is the next; whoever comes later waits until the end of the block.

        After `seconds` it continues anyway, and SQLite says that the database is locked.
        """
        front = Front(self._open(), time.monotonic(), seconds)
        try:
            while not _is_first(front.file) and front.wait_more():
                time.sleep(EVERY_SECONDS)
            yield front
        finally:
            if front.file is not None:
                os.close(front.file)

    def _open(self) -> int | None:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # such as no free descriptor; SQLite's own error says more
            return None


def _is_first(file: int | None) -> bool:
    if file is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without such locks
        return True
    return True


def process_name() -> str:
    """Return this process for people: `okr-sync worker 1 (process 4712)`."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:
    found = _COMMAND.search(getproctitle())
    return f"{found[0] if found else 'another program'} (process {pid})"
