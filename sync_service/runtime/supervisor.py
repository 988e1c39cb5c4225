"""The supervisor: keep the processes of `okr-sync up` running, restart with backoff, stop them in order.

Each process is a name and a command, or a function to run in a fork. A process that dies is restarted. Ctrl-C, SIGTERM
and SIGHUP stop all of them within ten seconds; a second signal stops them at once. On Linux the processes are asked to
stop even when the supervisor is killed. As process 1 it reaps orphans.
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

from sync_service.runtime.child_process import Process, execute, fork
from sync_service.runtime.orphans import inherits_orphans, reap_orphans

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process to keep running: a command, or a function to `run` in a fork of this process.

    A process that `outlives` the others is stopped after them.
    """

    name: str
    command: Sequence[str] = ()
    run: Callable[[], None] | None = None
    environment: Mapping[str, str] | None = None
    outlives: bool = False

    def start(self) -> Process:
        """Start the process. Raise `OSError`."""
        if self.run is not None:
            return fork(self.run, environment=self.environment)
        return execute(self.command, environment=self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How long to wait, in seconds: before a restart, doubling; and for processes that were asked to stop."""

    first_restart: float = 0.2
    last_restart: float = 10.0
    counts_as_alive: float = 30.0
    stopping: float = 8.0
    stopping_last: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The status of a process: it runs for `runs_for` seconds as `pid`, or starts in `starts_in` seconds.

    `deaths` counts the deaths in a row; a run of `counts_as_alive` seconds resets it. `code` is the last exit code,
    negative for a signal; `reason` says why the command could not be started.
    """

    name: str
    pid: int | None
    runs_for: float
    starts_in: float
    deaths: int
    code: int | None
    reason: str


@dataclass(slots=True)
class ManagedProcess:
    """Keeps one process running: the child if it runs, when to start it if not, and its deaths until now."""

    spec: ProcessSpec
    policy: RestartPolicy
    process: Process | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    wait: float = field(default=0.0)
    deaths: int = 0
    code: int | None = None
    reason: str = ""

    def start(self, now: float) -> None:
        """Start the process in its own process group, so that Ctrl-C in the terminal reaches only the supervisor."""
        try:
            self.process = self.spec.start()
        except OSError as error:
            self.plan_restart(now)
            self.code, self.reason = None, str(error)
            log.error("process can't start", process=self.spec.name, reason=self.reason, again_in=self.wait)  # noqa: TRY400  # the reason says everything
            return
        self.started_at = now
        log.info("process started", process=self.spec.name, pid=self.process.pid)

    def check(self, now: float) -> bool:
        """Check the process: plan a restart when it died, start it when due. Return whether anything changed.

        A long run of the process resets its deaths.
        """
        changed = False
        if self.process is not None:
            if now >= self.healthy_at:
                changed = self.deaths > 0
                self.deaths, self.wait = 0, 0.0
            if not has_ended(self.process):
                return changed
            pid = self.process.pid
            self.code, self.reason = self.reap(), ""
            self.plan_restart(now)
            log.warning("process died", process=self.spec.name, pid=pid, code=self.code, again_in=self.wait)
            changed = True
        if now >= self.due_at:
            self.start(now)
            changed = True
        return changed

    def plan_restart(self, now: float) -> None:
        """Plan the next start, after twice the last wait."""
        self.deaths += 1
        self.wait = min(self.wait * 2 or self.policy.first_restart, self.policy.last_restart)
        self.due_at = now + self.wait

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return self.process.pid if self.process else None

    @property
    def healthy_at(self) -> float:
        """When the current run resets the earlier deaths."""
        return self.started_at + self.policy.counts_as_alive

    @property
    def next_event_at(self) -> float | None:
        """When there is something to do or to report, if no signal comes before; None for never."""
        if self.process is None:
            return self.due_at
        return self.healthy_at if self.deaths else None

    def status(self, now: float) -> ProcessStatus:
        """Return the status of the process."""
        runs = self.process is not None
        return ProcessStatus(
            name=self.spec.name,
            pid=self.pid,
            runs_for=now - self.started_at if runs else 0.0,
            starts_in=0.0 if runs else max(0.0, self.due_at - now),
            deaths=self.deaths,
            code=self.code,
            reason=self.reason,
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, if it runs; it must stop its own children."""
        if self.process is not None:
            self.process.terminate()

    def reap(self) -> int | None:
        """Kill what is left of the process and its children; return the exit code."""
        if self.process is None:
            return None
        # The group leader is dead but not reaped, so the process id still means this group and no other.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        return code


def supervise(
    specs: Sequence[ProcessSpec],
    *,
    policy: RestartPolicy | None = None,
    started: Callable[[], None] | None = None,
    changed: Callable[[Sequence[ProcessStatus]], None] | None = None,
) -> None:
    """Start the processes in order, call `started`, and keep them running until a stop signal; then stop all of them.

    Calls `changed` with the status of all processes after the start and after each change. Must run in the main thread.
    Takes over the stop signals and SIGCHLD while it runs.
    """
    processes = [ManagedProcess(part, policy or RestartPolicy()) for part in specs]
    report = changed or (lambda _: None)
    with waking_signals() as (wake_fd, stop_count):
        try:
            for process in processes:
                process.start(time.monotonic())
            report(process_statuses(processes))
            if started is not None:
                started()
            inherits = inherits_orphans()
            while not stop_count():
                if inherits:
                    reap_orphans({process.pid for process in processes if process.pid is not None})
                sleep_until_signal(wake_fd, earliest(processes))
                changes = [process.check(time.monotonic()) for process in processes]
                if any(changes):
                    report(process_statuses(processes))
        finally:
            stop_all(processes, policy or RestartPolicy(), wake_fd, stop_count)


def process_statuses(processes: Iterable[ManagedProcess]) -> list[ProcessStatus]:
    """Return the status of each process now."""
    now = time.monotonic()
    return [process.status(now) for process in processes]


def stop_all(
    processes: Sequence[ManagedProcess], policy: RestartPolicy, wake_fd: int, stop_count: Callable[[], int]
) -> None:
    """Ask the processes to stop, those that outlive the others last; kill those that do not stop in time."""
    for last, seconds in ((False, policy.stopping), (True, policy.stopping_last)):
        wave = [process for process in processes if process.spec.outlives is last and process.process is not None]
        for process in reversed(wave):
            process.ask_to_stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and stop_count() < 2 and any(map(still_runs, wave)):
            sleep_until_signal(wake_fd, deadline)
        for process in wave:
            if still_runs(process):
                log.warning("process did not stop in time and is killed", process=process.spec.name)
            process.reap()
    log.info("all processes stopped")


def still_runs(process: ManagedProcess) -> bool:
    """Return whether the process runs."""
    return process.process is not None and not has_ended(process.process)


def has_ended(process: Process) -> bool:
    """Return whether the process has ended, without reaping it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def earliest(processes: Iterable[ManagedProcess]) -> float | None:
    """Return when there is something to do or to report next, or None while all processes run well."""
    return min((process.next_event_at for process in processes if process.next_event_at is not None), default=None)


def sleep_until_signal(wake_fd: int, until: float | None) -> None:
    """Sleep until a signal arrives or `until` is reached."""
    seconds = None if until is None else max(0.0, until - time.monotonic())
    readable, _, _ = select.select([wake_fd], [], [], seconds)
    if readable:
        os.read(wake_fd, 4096)


@contextlib.contextmanager
def waking_signals() -> Iterator[tuple[int, Callable[[], int]]]:
    """Count stop signals, and let them and the end of a child end a sleep.

    Yields the descriptor to sleep on and a function that returns the number of stop signals.
    """
    count = 0

    def count_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1

    wake_fd, signal_fd = os.pipe()
    os.set_blocking(wake_fd, False)
    os.set_blocking(signal_fd, False)
    # `nohup` ignores SIGHUP for us.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    obeyed = [number for number in STOP_SIGNALS if not (ignored and number == signal.SIGHUP)]
    before = {number: signal.signal(number, count_stop) for number in obeyed}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    old_wakeup = signal.set_wakeup_fd(signal_fd, warn_on_full_buffer=False)
    try:
        yield wake_fd, lambda: count
    finally:
        signal.set_wakeup_fd(old_wakeup)
        for number, action in before.items():
            signal.signal(number, action)
        os.close(wake_fd)
        os.close(signal_fd)
