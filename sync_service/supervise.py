"""Keeps the parts of `okr-sync up` running, and ends all of them when it ends.

It knows nothing of what the parts do: a part is a name and a command, or something to run in a fork of this process.
A part that dies is started again; Ctrl-C, SIGTERM and SIGHUP stop everything within ten seconds, a second one at once.
Where the kernel is Linux the parts are asked to stop even when this process is killed outright.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

from sync_service.children import Process, execute, fork

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process to keep running: a command, or what to `run` in a fork of this process, where that is given.

    A part that `outlives` the others is stopped after they are gone.
    """

    name: str
    command: Sequence[str] = ()
    run: Callable[[], None] | None = None
    environment: Mapping[str, str] | None = None
    outlives: bool = False

    def start(self) -> Process:
        """Start its process. Raises `OSError`."""
        if self.run is not None:
            return fork(self.run, environment=self.environment)
        return execute(self.command, environment=self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: before a restart, doubling; and for parts that were asked to stop."""

    first_restart: float = 0.2
    last_restart: float = 10.0
    counts_as_alive: float = 30.0
    stopping: float = 8.0
    stopping_last: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a part stands: it runs for so many seconds as `pid`, or waits for its next start.

    `deaths` counts those in a row, none of them after a life that `counts_as_alive`. `code` is the last exit code,
    negative for a signal; `reason` says why the command could not be started at all.
    """

    name: str
    pid: int | None
    runs_for: float
    starts_in: float
    deaths: int
    code: int | None
    reason: str


@dataclass(slots=True)
class Keeper:
    """Keeps one part: its process if it runs, when to start it if not, and how it fared until now."""

    part: Part
    patience: Patience
    process: Process | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    wait: float = field(default=0.0)
    deaths: int = 0
    code: int | None = None
    reason: str = ""

    def start(self, now: float) -> None:
        """Start the process in a group of its own, so that a Ctrl-C in the terminal reaches only the supervisor."""
        try:
            self.process = self.part.start()
        except OSError as error:
            self.plan_restart(now)
            self.code, self.reason = None, str(error)
            log.error("part can't start", part=self.part.name, reason=self.reason, again_in=self.wait)  # noqa: TRY400  # the reason says it all
            return
        self.started_at = now
        log.info("part started", part=self.part.name, pid=self.process.pid)

    def look(self, now: float) -> bool:
        """Notice that the process died and plan its restart; start it when that is due. Tell whether anything changed.

        A process that has lived for long makes up for the deaths before it.
        """
        changed = False
        if self.process is not None:
            if now >= self.made_up_at:
                changed = self.deaths > 0
                self.deaths, self.wait = 0, 0.0
            if not has_ended(self.process):
                return changed
            pid = self.process.pid
            self.code, self.reason = self.bury(), ""
            self.plan_restart(now)
            log.warning("part died", part=self.part.name, pid=pid, code=self.code, again_in=self.wait)
            changed = True
        if now >= self.due_at:
            self.start(now)
            changed = True
        return changed

    def plan_restart(self, now: float) -> None:
        """Wait twice as long as last time."""
        self.deaths += 1
        self.wait = min(self.wait * 2 or self.patience.first_restart, self.patience.last_restart)
        self.due_at = now + self.wait

    @property
    def made_up_at(self) -> float:
        """When the process that runs will have made up for earlier deaths."""
        return self.started_at + self.patience.counts_as_alive

    @property
    def news_at(self) -> float | None:
        """When there is something to do or to tell, if nothing happens before; None for never."""
        if self.process is None:
            return self.due_at
        return self.made_up_at if self.deaths else None

    def standing(self, now: float) -> Standing:
        """Say how the part stands."""
        runs = self.process is not None
        return Standing(
            name=self.part.name,
            pid=self.process.pid if self.process else None,
            runs_for=now - self.started_at if runs else 0.0,
            starts_in=0.0 if runs else max(0.0, self.due_at - now),
            deaths=self.deaths,
            code=self.code,
            reason=self.reason,
        )

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
    parts: Sequence[Part],
    *,
    patience: Patience | None = None,
    started: Callable[[], None] | None = None,
    changed: Callable[[Sequence[Standing]], None] | None = None,
) -> None:
    """Start the parts in order, call `started`, and keep them running until a stop signal; then stop them all.

    Calls `changed` with how all parts stand, once they were started and whenever that has changed.
    Must run in the main thread. Takes over the stop signals and SIGCHLD while it runs.
    """
    keepers = [Keeper(part, patience or Patience()) for part in parts]
    tell = changed or (lambda _: None)
    with waking_signals() as (wakes, stop_asked):
        try:
            for keeper in keepers:
                keeper.start(time.monotonic())
            tell(standings(keepers))
            if started is not None:
                started()
            while not stop_asked():
                sleep_until_news(wakes, earliest(keepers))
                news = [keeper.look(time.monotonic()) for keeper in keepers]
                if any(news):
                    tell(standings(keepers))
        finally:
            stop_all(keepers, patience or Patience(), wakes, stop_asked)


def standings(keepers: Iterable[Keeper]) -> list[Standing]:
    """Say how the parts stand now."""
    now = time.monotonic()
    return [keeper.standing(now) for keeper in keepers]


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


def has_ended(process: Process) -> bool:
    """Tell whether the process has ended, without taking its exit code."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def earliest(keepers: Iterable[Keeper]) -> float | None:
    """Return when there is something to do or to tell next, or None while all run well."""
    return min((keeper.news_at for keeper in keepers if keeper.news_at is not None), default=None)


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
