"""A start without an admin prints a link for the first one, and so does a command."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import Run
from tests.cli.test_run_commands import REPOSITORY, answers
from tests.support.wait_until import until

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/first-admin/([\w-]{43})\n")


@pytest.mark.slow
def test_the_command_prints_a_new_link_until_there_is_an_admin(run: Run) -> None:
    """A platform shows the output of a start only in its log."""
    assert run("migrate").exit_code == 0
    first, second = run("first-admin").stdout, run("first-admin").stdout
    assert LINK.fullmatch(first)
    assert LINK.fullmatch(second)
    assert first != second
    assert run("apply", "okrs.yaml").exit_code == 0
    refused = run("first-admin")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "there is an admin already; okr-sync sign-in EMAIL" in refused.stderr


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["up", "web"])
@pytest.mark.only_in_test_all(command="web")
def test_a_start_without_an_admin_prints_a_link_that_opens(run: Run, directory: Path, command: str) -> None:
    """It has the address of the service; `up` prints it once, though it starts several processes."""
    assert run("migrate").exit_code == 0
    port, printed = free_port(), directory / "printed"
    with printed.open("w") as output, (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sync_service.cli", command, "--port", str(port)],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=output,
            stderr=log,
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}"), "the web process answers", seconds=60)
        (found,) = LINK.finditer(printed.read_text())
        assert found[1] == str(port)
        assert "Become the first admin" in requests.get(found[0].strip(), timeout=10).text
        assert requests.get(f"http://127.0.0.1:{port}/objectives", timeout=10).url.endswith("/first-admin")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.mark.slow
@pytest.mark.only_in_test_all
def test_a_start_with_an_admin_prints_no_link(applied: None, directory: Path) -> None:
    """Its output may be kept by others."""
    port, printed = free_port(), directory / "printed"
    with printed.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sync_service.cli", "web", "--port", str(port)],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}"), "the web process answers", seconds=60)
        assert "first-admin" not in printed.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
