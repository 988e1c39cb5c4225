"""The supervisor keeps parts running and leaves nothing behind, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_service.runtime.supervisor import ManagedProcess, ProcessSpec, ProcessStatus, RestartPolicy, has_ended
from tests.support.skip_guard import NOT_LINUX
from tests.support.wait_until import until

pytestmark = pytest.mark.slow

SUPERVISE = """
import sys
from pathlib import Path
from sync_service.runtime.supervisor import ProcessSpec, RestartPolicy, supervise

directory = Path(sys.argv[1])
parts = [
    ProcessSpec(name=file.stem, command=[sys.executable, str(file)], outlives=file.stem == "z_last")
    for file in sorted(directory.glob("*.py"))
]

def write(statuses):
    with (directory / "changes").open("a") as file:
        print(*(f"{one.name} {'runs' if one.pid else 'waits'} {one.deaths}" for one in statuses), file=file)

supervise(
    parts,
    policy=RestartPolicy(first_restart=0.05, stopping=float(sys.argv[2]), stopping_last=float(sys.argv[2])),
    started=lambda: (directory / "started").touch(),
    changed=write,
)
"""

# Each part adds its process id to a file named after it.
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
TALKER = NOTE_PID + "print('good day', flush=True); note(os.getpid()); time.sleep(600)"


class Run:
    """A supervisor in a process of its own, over part scripts in a directory."""

    def __init__(self, room: Path, *, stopping: float) -> None:
        self.room = room
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(room), str(stopping)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )

    def pids(self, name: str, *, at_least: int = 1) -> list[int]:
        """Wait for this many process ids of a part, and return them."""
        file = self.room / f"{name}.pids"

        def noted() -> list[int]:
            found = [int(line) for line in file.read_text().split()] if file.exists() else []
            return found if len(found) >= at_least else []

        return until(noted, f"{name} has started {at_least} times")

    def stop(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@contextlib.contextmanager
def supervised(room: Path, *, stopping: float = 8, **scripts: str) -> Iterator[Run]:
    """Run these scripts as parts, each under its name."""
    for name, script in scripts.items():
        (room / f"{name}.py").write_text(script)
    run = Run(room, stopping=stopping)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)
        run.process.communicate()


def gone(pid: int) -> bool:
    """Tell whether the process is no more, or only waits to be buried by its parent."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    """Killed outright twice, it is back twice; its neighbour never notices."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        for start in (1, 2):
            os.kill(run.pids("web", at_least=start)[-1], signal.SIGKILL)
        assert len(set(run.pids("web", at_least=3))) == 3
        assert len(run.pids("worker")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_every_part(tmp_path: Path, number: signal.Signals) -> None:
    """The parts are asked, end by themselves, and the supervisor ends with success."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        assert run.stop(number) == 0
        assert all(map(gone, pids))
    assert sorted((tmp_path / "ends").read_text().split()) == ["web", "worker"]


def test_what_outlives_the_others_is_stopped_last(tmp_path: Path) -> None:
    """Workers may still need Redis while they finish."""
    with supervised(tmp_path, a_web=SLEEPER, b_worker=SLEEPER, z_last=SLEEPER) as run:
        for name in ("a_web", "b_worker", "z_last"):
            run.pids(name)
        run.stop(signal.SIGTERM)
    assert (tmp_path / "ends").read_text().split()[-1] == "z_last"


def test_a_part_that_does_not_listen_is_ended(tmp_path: Path) -> None:
    """Asking is polite, but there is a deadline."""
    with supervised(tmp_path, stopping=0.2, web=STUBBORN) as run:
        pids = run.pids("web")
        assert run.stop(signal.SIGTERM) == 0
        assert all(map(gone, pids))


def test_a_second_stop_signal_ends_everything_at_once(tmp_path: Path) -> None:
    """Who presses Ctrl-C twice does not want to wait."""
    with supervised(tmp_path, stopping=600, web=STUBBORN, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        run.process.send_signal(signal.SIGINT)
        until(lambda: gone(pids[1]), "the part that listens has stopped")
        assert run.stop(signal.SIGINT) == 0
        assert all(map(gone, pids))


def test_children_of_a_part_end_with_it(tmp_path: Path) -> None:
    """A web server's workers must not keep the port when their master is gone."""
    with supervised(tmp_path, web=PARENT) as run:
        child, leader = run.pids("web", at_least=2)
        os.kill(leader, signal.SIGKILL)
        until(lambda: gone(child), "the child is gone")
        pids = run.pids("web", at_least=4)
        run.stop(signal.SIGTERM)
        assert all(map(gone, pids))


@pytest.mark.skipif(sys.platform != "linux", reason=NOT_LINUX)
def test_parts_end_when_the_supervisor_is_killed_outright(tmp_path: Path) -> None:
    """Even `kill -9` leaves nothing running."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        pids = [*run.pids("web"), *run.pids("worker")]
        until((tmp_path / "started").exists, "everything was started")
        run.stop(signal.SIGKILL)
        until(lambda: all(map(gone, pids)), "the parts are gone")


def test_what_a_part_prints_goes_through(tmp_path: Path) -> None:
    """Logs of the parts are the logs of the service."""
    with supervised(tmp_path, web=TALKER) as run:
        run.pids("web")
        run.process.send_signal(signal.SIGTERM)
        printed, _ = run.process.communicate(timeout=15)
    assert "good day" in printed


def process(*command: str) -> ManagedProcess:
    """Return the keeper of a part that is this command."""
    return ManagedProcess(ProcessSpec(name="part", command=command), RestartPolicy())


def die(kept: ManagedProcess) -> None:
    """Wait until the process has ended."""
    assert kept.process is not None
    until(lambda: kept.process is None or has_ended(kept.process), "the process ended")


def test_restarts_wait_twice_as_long_each_time_up_to_ten_seconds() -> None:
    """A part that can't run must not eat the machine."""
    kept, now, waits = process(sys.executable, "-c", ""), 0.0, []
    kept.start(now)
    for _ in range(8):
        die(kept)
        kept.check(now)
        waits.append(kept.wait)
        now += kept.wait
        kept.check(now)
    kept.reap()
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_restart_is_not_made_before_it_is_due() -> None:
    """The wait is kept."""
    kept = process(sys.executable, "-c", "")
    kept.start(0.0)
    die(kept)
    kept.check(1.0)
    kept.check(1.19)
    assert (kept.process, kept.due_at) == (None, 1.2)


def test_thirty_seconds_of_life_make_up_for_earlier_deaths() -> None:
    """A part that ran well is started again soon."""
    kept = process(sys.executable, "-c", "")
    kept.wait = 6.4
    kept.start(100.0)
    die(kept)
    kept.check(130.0)
    assert kept.wait == 0.2


def test_a_command_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    """It may be in the middle of an upgrade."""
    program = tmp_path / "program"
    kept = process(str(program))
    kept.start(0.0)
    assert (kept.process, kept.due_at) == (None, 0.2)
    assert (kept.deaths, kept.code, "No such file" in kept.reason) == (1, None, True)
    kept.ask_to_stop()
    assert kept.reap() is None
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    kept.check(0.2)
    assert kept.process is not None
    kept.reap()


def test_how_a_part_stands_tells_its_deaths_until_it_has_made_up_for_them(tmp_path: Path) -> None:
    """Two deaths in a row, a wait, a start, and thirty seconds of life; each of them is news."""
    command = ("sh", "-c", f"test -e '{tmp_path}/mended' || exit 3; exec sleep 600")
    kept = ManagedProcess(ProcessSpec(name="part", command=command), RestartPolicy(first_restart=0.25))
    kept.start(0.0)
    assert kept.status(1.5) == state(pid=kept.process.pid if kept.process else None, runs_for=1.5)
    for now, deaths, wait in ((2.0, 1, 0.25), (2.25, 2, 0.5)):
        die(kept)
        assert kept.check(now)
        assert kept.status(now + 0.125) == state(starts_in=wait - 0.125, deaths=deaths, code=3)
        assert not kept.check(now + 0.125)
        if deaths == 1:
            kept.check(now + wait)
    (tmp_path / "mended").touch()
    assert kept.check(3.0)
    assert kept.process is not None
    assert kept.status(4.0) == state(pid=kept.process.pid, runs_for=1.0, deaths=2, code=3)
    assert (kept.check(32.9), kept.next_event_at) == (False, 33.0)
    assert (kept.check(33.0), kept.check(34.0), kept.next_event_at) == (True, False, None)
    assert kept.status(34.0) == state(pid=kept.process.pid, runs_for=31.0, code=3)
    kept.reap()


def state(**columns: Any) -> ProcessStatus:
    """Give how a part stands that never died, as far as nothing else is said."""
    usual = {"pid": None, "runs_for": 0.0, "starts_in": 0.0, "deaths": 0, "code": None, "reason": ""}
    return ProcessStatus(name="part", **usual | columns)


def test_whoever_wants_to_know_is_told_of_each_change(tmp_path: Path) -> None:
    """That all were started, that one died, and that it runs again."""
    with supervised(tmp_path, web=SLEEPER, worker=SLEEPER) as run:
        (pid,) = run.pids("web")
        os.kill(pid, signal.SIGKILL)
        run.pids("web", at_least=2)
        changes = tmp_path / "changes"
        until(lambda: len(changes.read_text().splitlines()) == 3, "all is told")
    assert [line.split() for line in changes.read_text().splitlines()] == [
        ["web", "runs", "0", "worker", "runs", "0"],
        ["web", "waits", "1", "worker", "runs", "0"],
        ["web", "runs", "1", "worker", "runs", "0"],
    ]
