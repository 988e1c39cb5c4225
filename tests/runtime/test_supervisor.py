"""The supervisor restarts processes that die, and leaves none behind, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sync_service.runtime.supervisor import (
    ManagedProcess,
    ProcessSpec,
    ProcessStatus,
    RestartPolicy,
    has_ended,
    waking_signals,
)
from tests.support.skip_guard import NOT_LINUX
from tests.support.wait_until import until

pytestmark = pytest.mark.slow

SUPERVISE = """
import sys
from pathlib import Path
from sync_service.runtime.supervisor import ProcessSpec, RestartPolicy, supervise

directory = Path(sys.argv[1])
specs = [
    ProcessSpec(name=file.stem, command=[sys.executable, str(file)], outlives=file.stem == "z_last")
    for file in sorted(directory.glob("*.py"))
]

def write(statuses):
    with (directory / "changes").open("a") as file:
        print(*(f"{one.name} {'runs' if one.pid else 'waits'} {one.deaths}" for one in statuses), file=file)

supervise(
    specs,
    policy=RestartPolicy(first_restart=0.05, stopping=float(sys.argv[2]), stopping_last=float(sys.argv[2])),
    started=lambda: (directory / "started").touch(),
    changed=write,
)
"""

# Each process adds its process id to a file named after it.
NOTE_PID = """
import os, signal, subprocess, sys, time
from pathlib import Path
me = Path(__file__)
def note(pid):
    with me.with_suffix(".pids").open("a") as file:
        file.write(f"{pid}\\n")
def note_end(*_):
    with (me.parent / "ends").open("a") as file:
        file.write(me.stem + "\\n")
    sys.exit()
"""
SLEEPER = NOTE_PID + "signal.signal(signal.SIGTERM, note_end); note(os.getpid()); time.sleep(600)"
STUBBORN = NOTE_PID + "signal.signal(signal.SIGTERM, signal.SIG_IGN); note(os.getpid()); time.sleep(600)"
PARENT = NOTE_PID + "note(subprocess.Popen(['sleep', '600']).pid); note(os.getpid()); time.sleep(600)"
PRINTER = NOTE_PID + "print('good day', flush=True); note(os.getpid()); time.sleep(600)"


class SupervisorRun:
    """A supervisor in a process of its own, over scripts in a directory."""

    def __init__(self, directory: Path, *, stopping: float) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(directory), str(stopping)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )

    def pids(self, name: str, *, at_least: int = 1) -> list[int]:
        """Wait for this many process ids of a script, and return them."""
        file = self.directory / f"{name}.pids"

        def noted() -> list[int]:
            found = [int(line) for line in file.read_text().split()] if file.exists() else []
            return found if len(found) >= at_least else []

        return until(noted, f"{name} has started {at_least} times")

    def stop(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@contextlib.contextmanager
def supervised(directory: Path, *, stopping: float = 8, **scripts: str) -> Iterator[SupervisorRun]:
    """Run these scripts under the supervisor, each under its name."""
    for name, script in scripts.items():
        (directory / f"{name}.py").write_text(script)
    run = SupervisorRun(directory, stopping=stopping)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)
        run.process.communicate()


def gone(pid: int) -> bool:
    """Return whether the process has ended; a zombie counts as ended."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_killed_process_is_restarted(tmp_path: Path) -> None:
    """Other processes are not affected."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        for start in (1, 2):
            os.kill(run.pids("web", at_least=start)[-1], signal.SIGKILL)
        assert len(set(run.pids("web", at_least=3))) == 3
        assert len(run.pids("worker")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_every_process(
    tmp_path: Path, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    """They get SIGTERM and end by themselves, and the supervisor exits with 0."""
    if signal.getsignal(number) is signal.SIG_IGN:  # as `nohup` leaves it to the tests: it would stay ignored
        request.addfinalizer(partial(signal.signal, number, signal.signal(number, signal.SIG_DFL)))
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        assert run.stop(number) == 0
        assert all(map(gone, pids))
    assert sorted((tmp_path / "ends").read_text().split()) == ["web", "worker"]


def test_redis_is_stopped_last(tmp_path: Path) -> None:
    """Workers may need it while they finish."""
    with supervised(tmp_path, a_web=SLEEPER, b_worker=SLEEPER, z_last=SLEEPER) as run:
        for name in ("a_web", "b_worker", "z_last"):
            run.pids(name)
        run.stop(signal.SIGTERM)
    assert (tmp_path / "ends").read_text().split()[-1] == "z_last"


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """The supervisor waits until a deadline."""
    with supervised(tmp_path, stopping=0.2, web=STUBBORN) as run:
        pids = run.pids("web")
        assert run.stop(signal.SIGTERM) == 0
        assert all(map(gone, pids))


def test_a_second_stop_signal_kills_everything_at_once(tmp_path: Path) -> None:
    """A second Ctrl-C means not to wait."""
    with supervised(tmp_path, stopping=600, web=STUBBORN, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        run.process.send_signal(signal.SIGINT)
        until(lambda: gone(pids[1]), "the process that handles SIGTERM has ended")
        assert run.stop(signal.SIGINT) == 0
        assert all(map(gone, pids))


def test_children_end_with_their_process(tmp_path: Path) -> None:
    """Otherwise a web server's workers would keep the port."""
    with supervised(tmp_path, web=PARENT) as run:
        child, leader = run.pids("web", at_least=2)
        os.kill(leader, signal.SIGKILL)
        until(lambda: gone(child), "the child has ended")
        pids = run.pids("web", at_least=4)
        run.stop(signal.SIGTERM)
        assert all(map(gone, pids))


@pytest.mark.skipif(sys.platform != "linux", reason=NOT_LINUX)
def test_processes_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """Even `kill -9` leaves nothing running."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        until((tmp_path / "started").exists, "everything was started")
        run.stop(signal.SIGKILL)
        until(lambda: all(map(gone, pids)), "the processes have ended")
        assert len(pids) >= 2


def test_the_output_of_processes_is_passed_through(tmp_path: Path) -> None:
    """Their logs are the logs of the service."""
    with supervised(tmp_path, web=PRINTER) as run:
        run.pids("web")
        run.process.send_signal(signal.SIGTERM)
        printed, _ = run.process.communicate(timeout=15)
    assert "good day" in printed


def process(*command: str) -> ManagedProcess:
    """Return a managed process that runs this command."""
    return ManagedProcess(ProcessSpec(name="sleeper", command=command), RestartPolicy())


def wait_until_ended(managed: ManagedProcess) -> None:
    """Wait until the process has ended."""
    assert managed.process is not None
    until(lambda: managed.process is None or has_ended(managed.process), "the process ended")


def test_restarts_back_off_up_to_ten_seconds() -> None:
    """A process that always fails must not use up the CPU."""
    managed, now, waits = process(sys.executable, "-c", ""), 0.0, []
    managed.start(now)
    for _ in range(8):
        wait_until_ended(managed)
        managed.check(now)
        waits.append(managed.wait)
        now += managed.wait
        managed.check(now)
    managed.reap()
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_restart_is_not_made_before_it_is_due() -> None:
    """The process waits for `due_at`."""
    managed = process(sys.executable, "-c", "")
    managed.start(0.0)
    wait_until_ended(managed)
    managed.check(1.0)
    managed.check(1.19)
    assert (managed.process, managed.due_at) == (None, 1.2)


def test_thirty_seconds_of_running_reset_the_backoff() -> None:
    """A process that ran well is restarted soon."""
    managed = process(sys.executable, "-c", "")
    managed.wait = 6.4
    managed.start(100.0)
    wait_until_ended(managed)
    managed.check(130.0)
    assert managed.wait == 0.2


def test_a_missing_command_is_tried_again(tmp_path: Path) -> None:
    """An upgrade may be replacing it."""
    program = tmp_path / "program"
    managed = process(str(program))
    managed.start(0.0)
    assert (managed.process, managed.due_at) == (None, 0.2)
    assert (managed.deaths, managed.code, "No such file" in managed.reason) == (1, None, True)
    managed.ask_to_stop()
    assert managed.reap() is None
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    managed.check(0.2)
    assert managed.process is not None
    managed.reap()


def test_the_status_counts_deaths_until_thirty_seconds_of_running(tmp_path: Path) -> None:
    """Each death, restart and reset is reported as a change."""
    command = ("sh", "-c", f"test -e '{tmp_path}/mended' || exit 3; exec sleep 600")
    managed = ManagedProcess(ProcessSpec(name="sleeper", command=command), RestartPolicy(first_restart=0.25))
    managed.start(0.0)
    assert managed.status(1.5) == process_status(pid=managed.process.pid if managed.process else None, runs_for=1.5)
    for now, deaths, wait in ((2.0, 1, 0.25), (2.25, 2, 0.5)):
        wait_until_ended(managed)
        assert managed.check(now)
        assert managed.status(now + 0.125) == process_status(starts_in=wait - 0.125, deaths=deaths, code=3)
        assert not managed.check(now + 0.125)
        if deaths == 1:
            managed.check(now + wait)
    (tmp_path / "mended").touch()
    assert managed.check(3.0)
    assert managed.process is not None
    assert managed.status(4.0) == process_status(pid=managed.process.pid, runs_for=1.0, deaths=2, code=3)
    assert (managed.check(32.9), managed.next_event_at) == (False, 33.0)
    assert (managed.check(33.0), managed.check(34.0), managed.next_event_at) == (True, False, None)
    assert managed.status(34.0) == process_status(pid=managed.process.pid, runs_for=31.0, code=3)
    managed.reap()


def process_status(**columns: Any) -> ProcessStatus:
    """Return the status of a process that never died, with these fields replaced."""
    usual = {"pid": None, "runs_for": 0.0, "starts_in": 0.0, "deaths": 0, "code": None, "reason": ""}
    return ProcessStatus(name="sleeper", **usual | columns)


def test_each_change_of_status_is_reported(tmp_path: Path) -> None:
    """The supervisor reports the start, a death, and the restart."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        (pid,) = run.pids("web")
        os.kill(pid, signal.SIGKILL)
        run.pids("web", at_least=2)
        changes = tmp_path / "changes"
        until(lambda: len(changes.read_text().splitlines()) == 3, "all changes are written")
    assert [line.split() for line in changes.read_text().splitlines()] == [
        ["web", "runs", "0", "worker", "runs", "0"],
        ["web", "waits", "1", "worker", "runs", "0"],
        ["web", "runs", "1", "worker", "runs", "0"],
    ]


def test_an_ignored_hangup_stays_ignored() -> None:
    """`nohup okr-sync up` goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with waking_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
