"""The instance lock of a data directory, and the status file of its processes."""

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
RUNNING = ProcessStatus(name="web", pid=7, runs_for=90.0, starts_in=0.0, deaths=0, code=None, reason="")
WAITING = ProcessStatus(name="clock", pid=None, runs_for=0.0, starts_in=1.5, deaths=4, code=-9, reason="")


def test_a_directory_is_locked_by_one_process_at_a_time(tmp_path: Path) -> None:
    """The error of a second start names the first process and says what to do."""
    directory = tmp_path / "var"
    second = hold_instance_lock(directory)
    with hold_instance_lock(directory), pytest.raises(InUse, match=rf"process {os.getpid()}\); stop it"):
        second.__enter__()
    with hold_instance_lock(directory):
        assert (directory / "up.lock").read_text() == str(os.getpid())


def test_reading_the_status_does_not_prevent_a_start(tmp_path: Path) -> None:
    """`status` takes the lock for an instant; a start waits for that."""
    with (tmp_path / "up.lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_SH)
        unlock = threading.Timer(0.05, fcntl.flock, (lock_file, fcntl.LOCK_UN))
        unlock.start()
        with hold_instance_lock(tmp_path):
            assert is_held(tmp_path)
        unlock.join()
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "nowhere")


def test_the_status_of_the_processes_is_readable_while_the_lock_is_held(tmp_path: Path) -> None:
    """Times are absolute, since it is read later. Afterwards the file is removed."""
    with hold_instance_lock(tmp_path):
        assert read_process_status(tmp_path) == []
        write_process_status(tmp_path, [RUNNING, WAITING], now=NOW)
        since, starts_at = NOW - timedelta(seconds=90), NOW + timedelta(seconds=1.5)
        assert read_process_status(tmp_path) == [
            ProcessView(name="web", pid=7, since=since, starts_at=None, deaths=0, code=None, reason=""),
            ProcessView(name="clock", pid=None, since=None, starts_at=starts_at, deaths=4, code=-9, reason=""),
        ]
    assert [file.name for file in tmp_path.iterdir()] == ["up.lock"]


def test_the_status_file_of_a_killed_process_is_ignored(tmp_path: Path) -> None:
    """Nobody reads it while the lock is free, and the next start removes it."""
    write_process_status(tmp_path, [RUNNING], now=NOW)
    assert read_process_status(tmp_path) is None
    with hold_instance_lock(tmp_path):
        assert read_process_status(tmp_path) == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Set the maximum file size of this process to 0."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "written",
    [
        *(b"", b"[", b'[{"name": "we', b"null", b"7", b"{}", b"[7]", b'[{"name": "web"}]', b"\xff\xfe", b"[" * 100_000),
        b'[{"name":"web","pid":7,"since":"today","starts_at":null,"deaths":0,"code":null,"reason":""}]',
    ],
)
def test_a_status_file_that_can_not_be_read_shows_no_process(tmp_path: Path, written: bytes) -> None:
    """It is truncated, or another version wrote it: `okr-sync status` shows the rest."""
    with hold_instance_lock(tmp_path):
        (tmp_path / "processes.json").write_bytes(written)
        with capture_logs() as logs:
            assert read_process_status(tmp_path) == []
    assert [one["log_level"] for one in logs] == ["warning"]


def test_a_status_file_of_a_newer_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    """An update replaces the command while `up` still runs, or the other way round."""
    with hold_instance_lock(tmp_path):
        write_process_status(tmp_path, [RUNNING], now=NOW)
        newer = (tmp_path / "processes.json").read_text().replace('"pid"', '"memory": 5, "pid"')
        (tmp_path / "processes.json").write_text(newer)
        views = read_process_status(tmp_path) or []
    assert [(one.name, one.since) for one in views] == [("web", NOW - timedelta(seconds=90))]


def test_on_a_full_disk_the_old_status_is_removed_with_a_warning(tmp_path: Path) -> None:
    """The supervisor goes on; an old status must not be taken for the present one."""
    with hold_instance_lock(tmp_path):
        write_process_status(tmp_path, [RUNNING], now=NOW)
        with full_disk(), capture_logs() as logs:
            write_process_status(tmp_path, [WAITING], now=NOW)
        assert [line["log_level"] for line in logs] == ["warning"]
        assert read_process_status(tmp_path) == []
