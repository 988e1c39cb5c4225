"""The directory that a whole run shares, cleared however the run ends.

A run that is killed can't clear up. So a small process waits for the run to end, by any means, and clears up then.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.waiting import until

MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it, under a name that nobody can guess
PLENTY = 4 * 1024**3
"""Bytes free in a file system in memory from which on databases are kept there."""


@dataclass(frozen=True, slots=True)
class Room:
    """A directory, and the process that clears it when our end of the pipe closes."""

    directory: Path
    watch: subprocess.Popen[bytes]

    def leave(self) -> None:
        """Close the pipe and wait until everything is cleared."""
        self.watch.communicate()


def open_room() -> Room:
    """Make the directory and set the watch."""
    directory = Path(tempfile.mkdtemp(prefix="okr-tests-", dir=quickest()))
    watch = subprocess.Popen(
        [sys.executable, "-m", "tests.room", str(directory)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is meant for the run; the watch outlives it
    )
    return Room(directory, watch)


def quickest() -> Path | None:
    """Give where the run's room is best made: in memory if there is plenty, else None, where temporary files go.

    Each test on PostgreSQL makes and removes some 300 files. ext4 without a journal looks past every inode that was
    removed within the last minute, and is ten times slower at it than memory.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= PLENTY:
        return MEMORY
    return None


def clear(directory: Path) -> None:
    """End every PostgreSQL that was started in the directory, and remove everything."""
    for pid_file in directory.glob("postgres*/postmaster.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)  # a fast shutdown
            until(partial(_is_gone, pid_file), "PostgreSQL has stopped")
    shutil.rmtree(directory)


def _is_gone(file: Path) -> bool:
    return not file.exists()


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
