"""Child processes: commands, and forks that go on from where this process stands instead of beginning anew.

A fork shares the memory of all that was imported before, which is most of what it needs, and starts in a blink.
Each is in a group of its own, so that a Ctrl-C in the terminal reaches only the parent; where the kernel is Linux it
is asked to stop when the parent dies.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

FIRST_OF_OTHERS = 3
"""The first file descriptor that is not the standard input, output or error."""

PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

DEFAULTS: Mapping[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGCHLD: signal.SIG_DFL,
}


class Process(Protocol):
    """A child process: a command's, or a fork of this one."""

    @property
    def pid(self) -> int:
        """Its number, which is also its group's."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def wait(self) -> int:
        """Wait for its end and give its exit code."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A fork of this process, with as much of `subprocess.Popen` as its keeper needs."""

    pid: int

    def terminate(self) -> None:
        """Send SIGTERM. Must not be called after `wait`: the number may be another's by then."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end and give the exit code, negative for a signal. To be called once."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def execute(command: Sequence[str], *, environment: Mapping[str, str] | None) -> Process:
    """Start a command. Raises `OSError`."""
    return subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        preexec_fn=stop_with(os.getpid()),  # noqa: PLW1509  # the supervisor has one thread
    )


def share_what_is_there() -> None:
    """Keep the garbage collector from writing to what exists now, so that children go on sharing it."""
    gc.collect()
    gc.freeze()


def fork(run: Callable[[], None], *, environment: Mapping[str, str] | None) -> Process:
    """Run something in a fork, with that environment and none of our open files. Raises `OSError`.

    Only for a process with one thread. The child ends with `run`: with 0, with the code of a `SystemExit`, or with 1.
    """
    stop = stop_with(os.getpid())
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Forked(pid)
    os._exit(_live(run, environment, stop))


def _live(run: Callable[[], None], environment: Mapping[str, str] | None, first: Callable[[], None]) -> int:
    code = 1
    try:
        os.setsid()
        first()
        _forget_the_parent()
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - nothing of the parent's must go on in the child; it is told, and the code says so
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _forget_the_parent() -> None:
    """Let signals do what they do in a new process, and close the files that are the parent's."""
    signal.set_wakeup_fd(-1)
    for number, action in DEFAULTS.items():
        signal.signal(number, action)
    os.closerange(FIRST_OF_OTHERS, os.sysconf("SC_OPEN_MAX"))


def stop_with(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes the part: ask the kernel for SIGTERM when its parent dies."""

    def ask() -> None:  # pragma: no cover  # between fork and exec nothing can measure it
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the kernel knew
                os._exit(1)

    return ask
