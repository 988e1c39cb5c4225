"""One process holds a data directory, and says there how its parts stand."""

import contextlib
import fcntl
import os
import resource
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sync_service.runtime.instance_lock import (
    InUse,
    ProcessView,
    hold_instance_lock,
    is_held,
    read_process_status,
    write_process_status,
)
from sync_service.runtime.supervisor import ProcessStatus

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RUNS = ProcessStatus(name="web", pid=7, runs_for=90.0, starts_in=0.0, deaths=0, code=None, reason="")
WAITS = ProcessStatus(name="clock", pid=None, runs_for=0.0, starts_in=1.5, deaths=4, code=-9, reason="")


def test_a_directory_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    """A second start on the same data says who is first and what to do."""
    directory = tmp_path / "var"
    second = hold_instance_lock(directory)
    with hold_instance_lock(directory), pytest.raises(InUse, match=rf"process {os.getpid()}\); stop it"):
        second.__enter__()
    with hold_instance_lock(directory):
        assert (directory / "up.lock").read_text() == str(os.getpid())


def test_who_only_looks_keeps_nobody_from_starting(tmp_path: Path) -> None:
    """`status` holds the lock for an instant; a start waits for that instant."""
    with (tmp_path / "up.lock").open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        end = threading.Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        end.start()
        with hold_instance_lock(tmp_path):
            assert is_held(tmp_path)
        end.join()
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "nowhere")


def test_how_the_parts_stand_can_be_read_while_the_directory_is_held(tmp_path: Path) -> None:
    """In moments, since who reads it does so later; afterwards nothing is left."""
    with hold_instance_lock(tmp_path):
        assert read_process_status(tmp_path) == []
        write_process_status(tmp_path, [RUNS, WAITS], now=NOW)
        since, starts_at = NOW - timedelta(seconds=90), NOW + timedelta(seconds=1.5)
        assert read_process_status(tmp_path) == [
            ProcessView(name="web", pid=7, since=since, starts_at=None, deaths=0, code=None, reason=""),
            ProcessView(name="clock", pid=None, since=None, starts_at=starts_at, deaths=4, code=-9, reason=""),
        ]
    assert [file.name for file in tmp_path.iterdir()] == ["up.lock"]


def test_what_a_killed_holder_left_behind_is_not_believed(tmp_path: Path) -> None:
    """Not while nobody holds the directory, nor when the next one has just begun."""
    write_process_status(tmp_path, [RUNS], now=NOW)
    assert read_process_status(tmp_path) is None
    with hold_instance_lock(tmp_path):
        assert read_process_status(tmp_path) == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_nothing_is_logged_and_what_was_said_is_taken_back(tmp_path: Path) -> None:
    """The supervisor goes on; an old state must not be taken for the present one."""
    with hold_instance_lock(tmp_path):
        write_process_status(tmp_path, [RUNS], now=NOW)
        with full_disk(), capture_logs() as logs:
            write_process_status(tmp_path, [WAITS], now=NOW)
        assert [line["log_level"] for line in logs] == ["warning"]
        assert read_process_status(tmp_path) == []
