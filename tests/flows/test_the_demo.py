"""The demo: the first command of a new user."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from simulator.demo.service_process import DemoFailed, Service, choose_port
from tests.flows.service import processes_in
from tests.support.run_scope import ALL
from tests.support.skip_guard import NOT_LINUX
from tests.support.wait_until import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason=NOT_LINUX),
]

SOURCE = Path(__file__).parents[2]


@contextmanager
def demo(directory: Path, *words: str, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Run the demo in an empty directory, with foreign settings and its `port` in the environment."""
    strange = {"DATABASE_URL": "postgresql://nowhere/none", "REDIS_URL": "redis://nowhere:1", "OKR_SYNC_NONSENSE": "1"}
    with (directory / "told").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator.demo", *words],
            cwd=directory,
            env={**os.environ, **strange, "PYTHONPATH": str(SOURCE), "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


def output(directory: Path) -> str:
    """Return the output of the demo so far."""
    return (directory / "told").read_text()


@pytest.mark.only_in_test_all
def test_the_demo_with_once_ends_as_expected_and_leaves_nothing(tmp_path: Path) -> None:
    """It exits with 0, prints the key results, the mails and the times, and leaves no process."""
    with demo(tmp_path, "--once") as process:
        process.wait(300)
        text = output(tmp_path)
        assert process.returncode == 0, text
        assert processes_in(tmp_path) == {}
    assert "All of it was as expected" in text
    assert re.search(r"→ KR-1 30 % → 40 %  \(\d+\.\d\d s\)", text)
    assert "Subject: KR-1 completed: Ship the new checkout" in text
    assert "Webhook accepted → value changed in the API: median " in text
    assert "\x1b[" not in text


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C stops the service and the trackers without an error; with `TESTS=all` in the middle of the story.

    A second demo in the same directory fails and changes nothing: it would remove the first one's directory.
    """
    with demo(tmp_path) as process:
        until((tmp_path / "var" / "demo" / "up.log").exists, "the first one runs", seconds=60)
        second = subprocess.run(
            [sys.executable, "-m", "simulator.demo", "--once"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert "another demo runs in" in second.stderr
        assert (tmp_path / "var" / "demo" / "up.log").exists()
        if ALL:
            until(lambda: "The first issue closes in" in output(tmp_path), "the demo is set up", seconds=240)
        process.send_signal(number)
        assert process.wait(30) == 0
        assert processes_in(tmp_path) == {}
    assert "Stopped; nothing is left running." in output(tmp_path)


@pytest.mark.parametrize("by_option", [False, True], ids=["PORT", "--port"])
@pytest.mark.only_in_test_all(by_option=False)
def test_a_port_in_use_is_an_error(tmp_path: Path, *, by_option: bool) -> None:
    """A port that the user chose, by `PORT` or by the option, which wins, is used, or the error names it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        chosen = demo(tmp_path, "--port", str(port)) if by_option else demo(tmp_path, port=port)
        with chosen as process:
            assert process.wait(60) == 1
    assert f"port {port} on 127.0.0.1 is taken" in output(tmp_path)


@pytest.mark.only_in_test_all
def test_the_demo_refuses_a_port_that_is_no_number(tmp_path: Path) -> None:
    """It must not start on another port than the one that was meant."""
    command = [sys.executable, "-m", "simulator.demo"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PORT": "http"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid int value: 'http'" in done.stderr


def test_a_service_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The error has its exit code and the end of its log."""
    service = Service(directory=tmp_path, port=choose_port(0), settings={})
    service.log.write_text("its last words\n")
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as service.process:
        with pytest.raises(DemoFailed, match=r"okr-sync up has ended by itself \(3\)") as caught, service.answering():
            requests.get(f"{service.address}/readyz", timeout=5)
        assert "its last words" in str(caught.value)


@pytest.mark.only_in_test_all
def test_a_service_that_dies_ends_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The demo prints the reason and leaves no process."""
    with demo(tmp_path, "--once") as process:
        until(lambda: "Work closes" in output(tmp_path), "the story has begun", seconds=240)
        (up,) = [pid for pid, words in processes_in(tmp_path).items() if " up " in words]
        os.kill(up, signal.SIGKILL)
        assert process.wait(60) == 1
        until(lambda: not processes_in(tmp_path), "the parts, which the kernel asked to stop, are gone")
    assert "okr-sync up has ended by itself" in output(tmp_path)
