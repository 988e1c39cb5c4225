"""Large deliveries: on one machine they are read one at a time, so that many workers take little more than one."""

import contextlib
import fcntl
from pathlib import Path

import pytest

from sync_service.ingest.large_deliveries import one_at_a_time
from sync_service.store.trackers.inbox import LARGE_BODY


def is_held(lock: Path) -> bool:
    """Return whether somebody else holds the lock."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize(("size", "waits"), [(0, False), (LARGE_BODY, False), (LARGE_BODY + 1, True)])
def test_only_who_reads_a_large_delivery_keeps_others_from_it(tmp_path: Path, *, size: int, waits: bool) -> None:
    """Others, with small ones, never wait; and the lock ends with the reading."""
    lock = tmp_path / "large-delivery"
    with one_at_a_time(lock, lambda: size):
        assert is_held(lock) is waits
    assert not is_held(lock)


@pytest.mark.slow
def test_an_error_while_a_large_delivery_is_read_ends_the_lock(tmp_path: Path) -> None:
    """Also one of the kind that opening the lock may raise."""
    lock = tmp_path / "large-delivery"
    with contextlib.suppress(OSError), one_at_a_time(lock, lambda: LARGE_BODY + 1):
        raise OSError("the body")
    assert lock.stat().st_mode & 0o777 == 0o600
    assert not is_held(lock)


@pytest.mark.slow
def test_without_a_file_for_the_lock_nobody_waits(tmp_path: Path) -> None:
    """A directory that can't be written keeps no delivery from being read."""
    read = []
    for lock in (None, tmp_path / "missing" / "large-delivery"):
        with one_at_a_time(lock, lambda: LARGE_BODY + 1):
            read.append(lock)
    assert len(read) == 2
