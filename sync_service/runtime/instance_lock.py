"""The instance lock, a lock file of the data directory, and the status file of the processes of `okr-sync up`.

The lock says which process holds the directory; it ends with that process, however it ends. The status file says how
the processes of `up` run. A file left by a killed `up` is ignored, because its lock is gone.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from sync_service.runtime.supervisor import ProcessStatus

log = structlog.get_logger(__name__)

LOCK_FILE = "up.lock"
STATUS_FILE = "processes.json"

LOCK_SECONDS = 0.2
"""How long a start tries to get the lock: a process that only checks the lock holds it for a moment."""


class InUse(Exception):
    """Another process holds the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessView:
    """The status of a process: with `pid` it runs since `since`; without, it starts at `starts_at`.

    It died `deaths` times in a row. `code` is the last exit code, negative for a signal; `reason` says why it can't
    start.
    """

    name: str
    pid: int | None
    since: datetime | None
    starts_at: datetime | None
    deaths: int
    code: int | None
    reason: str


_views = TypeAdapter(list[ProcessView])


@contextlib.contextmanager
def hold_instance_lock(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; raise `InUse` when another process does. The lock ends with this process.

    The status file of an earlier holder is removed, at the beginning and at the end.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / LOCK_FILE).open("a+") as file:
        if not _locked(file.fileno(), fcntl.LOCK_EX, seconds=LOCK_SECONDS):
            file.seek(0)
            raise InUse(
                f"okr-sync up already runs on {directory} (process {file.read().strip() or 'unknown'}); "
                "stop it, or set OKR_SYNC_DATA_DIR to another directory"
            )
        _delete_status_file(directory)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            _delete_status_file(directory)


def is_held(directory: Path) -> bool:
    """Return whether a process holds the directory."""
    try:
        file = (directory / LOCK_FILE).open()
    except FileNotFoundError:
        return False
    with file:
        return not _locked(file.fileno(), fcntl.LOCK_SH, seconds=0)


def _locked(descriptor: int, kind: int, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def write_process_status(directory: Path, statuses: Sequence[ProcessStatus], *, now: datetime) -> None:
    """Write the status file that `read_process_status` reads; when the disk is full, log it and leave no file."""
    new_file = directory / f"{STATUS_FILE}.new"
    views = [asdict(_view(status, now)) for status in statuses]
    try:
        new_file.write_text(json.dumps(views, default=datetime.isoformat), encoding="utf-8")
        new_file.replace(directory / STATUS_FILE)
    except OSError as error:
        log.warning("can't write the process status; okr-sync status will not show it", reason=str(error))
        with contextlib.suppress(OSError):  # the same disk error, which is logged already
            _delete_status_file(directory)


def _view(status: ProcessStatus, now: datetime) -> ProcessView:
    runs = status.pid is not None
    return ProcessView(
        name=status.name,
        pid=status.pid,
        since=now - timedelta(seconds=status.runs_for) if runs else None,
        starts_at=None if runs else now + timedelta(seconds=status.starts_in),
        deaths=status.deaths,
        code=status.code,
        reason=status.reason,
    )


def read_process_status(directory: Path) -> list[ProcessView] | None:
    """Read the status file: None when no `up` holds the directory, an empty list without a file that can be read.

    A broken disk may have truncated it, or another version of OKR Sync may have written it.
    """
    if not is_held(directory):
        return None
    try:
        return _views.validate_json((directory / STATUS_FILE).read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError as error:
        log.warning("the process status can't be read", reason=error.errors(include_url=False)[0]["msg"])
        return []


def _delete_status_file(directory: Path) -> None:
    for name in (STATUS_FILE, f"{STATUS_FILE}.new"):
        (directory / name).unlink(missing_ok=True)
