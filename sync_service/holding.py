"""Who holds the data directory, and how the parts of the `okr-sync up` that holds it stand.

A lock says the first; it ends with its process, however that ends. A small file says the second: what a killed `up`
left there is believed by nobody, since its lock is gone.
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

from sync_service.supervise import Standing

log = structlog.get_logger(__name__)

LOCK = "up.lock"
PARTS = "parts.json"

LOOKING_SECONDS = 0.2
"""How long a start tries to get the lock: who only looks whether it is held has it for an instant."""


class InUse(Exception):
    """Another process holds the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """How a part stands: with `pid` it runs `since` then, else it `starts_at` then.

    It died `deaths` times in a row, at last with `code`, negative for a signal; `reason` says why it can't be started.
    """

    name: str
    pid: int | None
    since: datetime | None
    starts_at: datetime | None
    deaths: int
    code: int | None
    reason: str


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; raise `InUse` if another one does. The lock ends with its process.

    What an earlier holder said of its parts is forgotten, at the beginning and at the end.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / LOCK).open("a+") as file:
        if not _locked(file.fileno(), fcntl.LOCK_EX, seconds=LOOKING_SECONDS):
            file.seek(0)
            raise InUse(
                f"okr-sync up already runs on {directory} (process {file.read().strip() or 'unknown'}); "
                "stop it, or set OKR_SYNC_DATA_DIR to another directory"
            )
        _forget(directory)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            _forget(directory)


def is_held(directory: Path) -> bool:
    """Tell whether a process holds the directory."""
    try:
        file = (directory / LOCK).open()
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


def tell_parts(directory: Path, standings: Sequence[Standing], *, now: datetime) -> None:
    """Write how the parts stand, for `parts_told`; on a full disk log that it can't be said, and say nothing."""
    beside = directory / f"{PARTS}.new"
    told = [asdict(_view(one, now)) for one in standings]
    try:
        beside.write_text(json.dumps(told, default=datetime.isoformat), encoding="utf-8")
        beside.replace(directory / PARTS)
    except OSError as error:
        log.warning("can't write how the parts stand; okr-sync status will not know", reason=str(error))
        with contextlib.suppress(OSError):  # of the same disk, which the log has told of
            _forget(directory)


def _view(standing: Standing, now: datetime) -> PartView:
    runs = standing.pid is not None
    return PartView(
        name=standing.name,
        pid=standing.pid,
        since=now - timedelta(seconds=standing.runs_for) if runs else None,
        starts_at=None if runs else now + timedelta(seconds=standing.starts_in),
        deaths=standing.deaths,
        code=standing.code,
        reason=standing.reason,
    )


def parts_told(directory: Path) -> list[PartView] | None:
    """Read how the parts stand: None where no `up` holds the directory, nothing where it could not say it."""
    if not is_held(directory):
        return None
    try:
        told = json.loads((directory / PARTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [PartView(**one | {name: _moment(one[name]) for name in ("since", "starts_at")}) for one in told]


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _forget(directory: Path) -> None:
    for name in (PARTS, f"{PARTS}.new"):
        (directory / name).unlink(missing_ok=True)
