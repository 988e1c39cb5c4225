"""Forks of this process: environment, signals, open files, and exit codes."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PREAMBLE = """
import os, signal, sys, time
from pathlib import Path
from sync_service.runtime.child_process import fork
directory = Path(sys.argv[1])
"""


def run(directory: Path, program: str) -> str:
    """Run a program that forks, in a new process with one thread; return its output."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(program), str(directory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("lambda: None", 0),
        ("lambda: sys.exit(3)", 3),
        ("lambda: sys.exit(None)", 0),
        ("lambda: sys.exit('no')", 1),
        ("lambda: 1 / 0", 1),
        ("lambda: os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_a_fork_ends_with_an_exit_code(tmp_path: Path, ends: str, code: int) -> None:
    """The code is that of a child process, for each kind of end: return, exit, exception, signal."""
    assert run(tmp_path, f"print(fork({ends}, environment=None).wait())") == f"{code}\n"


def test_a_fork_has_its_own_environment_and_process_group(tmp_path: Path) -> None:
    """Files of the parent are closed in it: a lock of the parent ends with the parent."""
    program = """
        file = (directory / "lock").open("w")
        def check():
            try:
                os.fstat(file.fileno())
                is_open = True
            except OSError:
                is_open = False
            (directory / "seen").write_text(f"{dict(os.environ)} {os.getpgid(0) == os.getpid()} {is_open}")
        fork(check, environment={"ONLY": "this"}).wait()
    """
    run(tmp_path, program)
    assert (tmp_path / "seen").read_text() == "{'ONLY': 'this'} True False"


def test_a_fork_has_the_default_signal_handlers(tmp_path: Path) -> None:
    """The parent's handler for SIGTERM does not apply."""
    program = """
        signal.signal(signal.SIGTERM, lambda *_: None)
        child = fork(lambda: time.sleep(60), environment=None)
        time.sleep(0.3)
        child.terminate()
        print(child.wait())
    """
    assert run(tmp_path, program) == f"{-signal.SIGTERM}\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
def test_a_fork_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The kernel sends it SIGTERM."""
    program = """
        def sleep():
            (directory / "pid").write_text(str(os.getpid()))
            time.sleep(60)
        fork(sleep, environment=None)
        while not (directory / "pid").exists() or not (directory / "pid").read_text():
            time.sleep(0.01)
        if os.fork() == 0:
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(0)
        time.sleep(60)
    """
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(program), str(tmp_path)],
        check=False,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -signal.SIGKILL
    pid = int((tmp_path / "pid").read_text())
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        signal.sigtimedwait([], 0.02)
    raise AssertionError("the fork lives on")
