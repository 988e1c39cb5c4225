"""Shared directory of a test run, removed however the run ends.

A killed run can't remove it. So a small process waits until the run has ended, in any way, and removes it then.
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

from tests.support.wait_until import until

MEMORY = Path("/dev/shm")  # noqa: S108 - we create a directory in it, with a random name
MIN_FREE_BYTES = 4 * 1024**3
"""Free bytes that a file system in memory needs so that databases are stored there."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A directory, and the process that removes it when our end of the pipe closes."""

    directory: Path
    remover: subprocess.Popen[bytes]

    def remove(self) -> None:
        """Close the pipe and wait until everything is removed."""
        self.remover.communicate()


def open_run_directory() -> RunDirectory:
    """Create the directory and start the process that removes it."""
    directory = Path(tempfile.mkdtemp(prefix="okr-tests-", dir=fastest_parent()))
    remover = subprocess.Popen(
        [sys.executable, "-m", "tests.support.run_directory", str(directory)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C must not reach it: it has to outlive the run
    )
    return RunDirectory(directory, remover)


def fastest_parent() -> Path | None:
    """Return the fastest parent directory: in memory if there is enough, else None, the default for temporary files.

    Each test on PostgreSQL creates and removes some 300 files. ext4 without a journal skips every inode that was
    removed within the last minute, and is ten times slower than memory.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES:
        return MEMORY
    return None


def clear(directory: Path) -> None:
    """Stop every PostgreSQL that was started in the directory, and remove everything."""
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
