"""Keeps the parts of `okr-sync up` running, and ends all of them when it ends.

It knows nothing of what the parts do: a part is a name and a command. A part that dies is started again; Ctrl-C,
SIGTERM and SIGHUP stop everything within ten seconds, a second one at once. Where the kernel is Linux the parts are
asked to stop even when this process is killed outright.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class InUse(Exception):
    """Another process holds the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process to keep running. A part that `outlives` the others is stopped after they are gone."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    outlives: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: before a restart, doubling; and for parts that were asked to stop."""

    first_restart: float = 0.2
    last_restart: float = 10.0
    counts_as_alive: float = 30.0
    stopping: float = 8.0
    stopping_last: float = 1.5


@dataclass(slots=True)
class Keeper:
    """Keeps one part: its process if it runs, when to start it if not, and how long it had to wait last."""

    part: Part
    patience: Patience
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    wait: float = field(default=0.0)

    def start(self, now: float) -> None:
        """Start the process in a group of its own, so that a Ctrl-C in the terminal reaches only the supervisor."""
        try:
            self.process = subprocess.Popen(
                self.part.command,
                env=self.part.environment,
                start_new_session=True,
                preexec_fn=stop_with(os.getpid()),  # noqa: PLW1509  # the supervisor has one thread
            )
        except OSError as error:
            self.plan_restart(now)
            log.error("part can't start", part=self.part.name, reason=str(error), again_in=self.wait)  # noqa: TRY400  # the reason says it all
            return
        self.started_at = now
        log.info("part started", part=self.part.name, pid=self.process.pid)

    def look(self, now: float) -> None:
        """Notice that the process died and plan its restart; start it when that is due."""
        if self.process is not None:
            if not has_ended(self.process):
                return
            pid, code = self.process.pid, self.bury()
            if now - self.started_at >= self.patience.counts_as_alive:
                self.wait = 0.0
            self.plan_restart(now)
            log.warning("part died", part=self.part.name, pid=pid, code=code, again_in=self.wait)
        if now >= self.due_at:
            self.start(now)

    def plan_restart(self, now: float) -> None:
        """Wait twice as long as last time."""
        self.wait = min(self.wait * 2 or self.patience.first_restart, self.patience.last_restart)
        self.due_at = now + self.wait

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, if it runs; what it started is its own to stop."""
        if self.process is not None:
            self.process.terminate()

    def bury(self) -> int | None:
        """End whatever is left of the part and its children; return its exit code."""
        if self.process is None:
            return None
        # The dead leader is not yet waited for, so its number still means this group and no other.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        return code


def supervise(
    parts: Sequence[Part], *, patience: Patience | None = None, started: Callable[[], None] | None = None
) -> None:
    """Start the parts in order, call `started`, and keep them running until a stop signal; then stop them all.

    Must run in the main thread. Takes over the stop signals and SIGCHLD while it runs.
    """
    keepers = [Keeper(part, patience or Patience()) for part in parts]
    with waking_signals() as (wakes, stop_asked):
        try:
            for keeper in keepers:
                keeper.start(time.monotonic())
            if started is not None:
                started()
            while not stop_asked():
                sleep_until_news(wakes, earliest(keepers))
                for keeper in keepers:
                    keeper.look(time.monotonic())
        finally:
            stop_all(keepers, patience or Patience(), wakes, stop_asked)


def stop_all(keepers: Sequence[Keeper], patience: Patience, wakes: int, stop_asked: Callable[[], int]) -> None:
    """Ask the parts to stop, those that outlive the others last; end what has not stopped in its time."""
    for last, seconds in ((False, patience.stopping), (True, patience.stopping_last)):
        wave = [keeper for keeper in keepers if keeper.part.outlives is last and keeper.process is not None]
        for keeper in reversed(wave):
            keeper.ask_to_stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and stop_asked() < 2 and any(map(still_runs, wave)):
            sleep_until_news(wakes, deadline)
        for keeper in wave:
            if still_runs(keeper):
                log.warning("part did not stop in time and is ended", part=keeper.part.name)
            keeper.bury()
    log.info("all parts stopped")


def still_runs(keeper: Keeper) -> bool:
    """Tell whether the part's process runs."""
    return keeper.process is not None and not has_ended(keeper.process)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the process has ended, without taking its exit code."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def earliest(keepers: Sequence[Keeper]) -> float | None:
    """Return when the next restart is due, or None while all run."""
    return min((keeper.due_at for keeper in keepers if keeper.process is None), default=None)


def sleep_until_news(wakes: int, until: float | None) -> None:
    """Sleep until a signal arrives or the clock shows `until`."""
    seconds = None if until is None else max(0.0, until - time.monotonic())
    readable, _, _ = select.select([wakes], [], [], seconds)
    if readable:
        os.read(wakes, 4096)


@contextlib.contextmanager
def waking_signals() -> Iterator[tuple[int, Callable[[], int]]]:
    """Count stop signals, and let them and the death of a child wake a sleeper.

    Gives the descriptor to sleep on and a function that tells how many stop signals came.
    """
    count = 0

    def count_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1

    wakes, woken = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(woken, False)
    before = {number: signal.signal(number, count_stop) for number in STOP_SIGNALS}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    old_wakeup = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    try:
        yield wakes, lambda: count
    finally:
        signal.set_wakeup_fd(old_wakeup)
        for number, action in before.items():
            signal.signal(number, action)
        os.close(wakes)
        os.close(woken)


def stop_with(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes the part: ask the kernel for SIGTERM when its parent dies."""

    def ask() -> None:  # pragma: no cover  # between fork and exec nothing can measure it
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the kernel knew
                os._exit(1)

    return ask


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; raise `InUse` if another one does. The lock ends with its process."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUse(
                f"okr-sync up already runs on {directory} (process {file.read().strip() or 'unknown'}); "
                "stop it, or set OKR_SYNC_DATA_DIR to another directory"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
