"""Start child processes: a command, or a fork of this process, each in its own process group.

A fork shares the memory of all imported modules, which is most of what it needs, and starts at once. Because of its own
group, Ctrl-C in the terminal reaches only the parent. On Linux the kernel asks the child to stop when the parent dies.
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

from config import passwords

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
    """A child process: a started command, or a fork of this process."""

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its group."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def wait(self) -> int:
        """Wait until it ends, and return its exit code."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A fork of this process, with the part of `subprocess.Popen` that the supervisor needs."""

    pid: int

    def terminate(self) -> None:
        """Send SIGTERM. Don't call it after `wait`: the process id may belong to another process by then."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it ends, and return the exit code, negative for a signal. Call it once."""
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


def freeze_shared_memory() -> None:
    """Keep the garbage collector from writing to objects that exist now, so that forks keep sharing their memory."""
    gc.collect()
    gc.freeze()


def fork(run: Callable[[], None], *, environment: Mapping[str, str] | None) -> Process:
    """Call `run` in a fork, with this environment and without our open files. Raise `OSError` when the fork fails.

    Only for a process with one thread. The child exits after `run`: with 0, with the code of a `SystemExit`, or with 1.
    """
    stop = stop_with(os.getpid())
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Forked(pid)
    os._exit(_run_child(run, environment, stop))


def _run_child(
    run: Callable[[], None], environment: Mapping[str, str] | None, ask_for_signal: Callable[[], None]
) -> int:
    code = 1
    try:
        os.setsid()
        ask_for_signal()
        _reset_inherited()
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the child must not run the parent's code; the traceback is printed, the exit code tells
        sys.stderr.write(passwords.cut_out(traceback.format_exc()))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _reset_inherited() -> None:
    """Reset the signals to their defaults, and close the files of the parent."""
    signal.set_wakeup_fd(-1)
    for number, action in DEFAULTS.items():
        ignored = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
        if not ignored:  # as `nohup` does
            signal.signal(number, action)
    os.closerange(FIRST_OF_OTHERS, os.sysconf("SC_OPEN_MAX"))


def stop_with(parent: int) -> Callable[[], None]:
    """Return what a child calls first: it asks the kernel for SIGTERM when the parent dies."""

    def ask() -> None:  # pragma: no cover  # no coverage between fork and exec
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the parent died before the call
                os._exit(1)

    return ask
