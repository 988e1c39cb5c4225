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
from pathlib import Path

from tests.waiting import until


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
    directory = Path(tempfile.mkdtemp(prefix="okr-tests-"))
    watch = subprocess.Popen(
        [sys.executable, "-m", "tests.room", str(directory)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is meant for the run; the watch outlives it
    )
    return Room(directory, watch)


def clear(directory: Path) -> None:
    """End the PostgreSQL in the directory, if one was started, and remove everything."""
    pid_file = directory / "postgres" / "postmaster.pid"
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)  # a fast shutdown
            until(lambda: not pid_file.exists(), "PostgreSQL has stopped")
    shutil.rmtree(directory)


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
