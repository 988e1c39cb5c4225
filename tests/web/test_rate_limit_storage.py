"""Rate limits in memory: neither long nor many texts of strangers make them grow without bound."""

import threading

import pytest
from flask.testing import FlaskClient
from limits.storage import MemoryStorage, storage_from_string

from sync_service.web.limits import rate_limit_storage
from sync_service.web.limits.rate_limit_storage import BoundedMemoryStorage
from sync_service.web.request.sign_in import limiter
from tests.support.example_okrs import Example
from tests.web.session_client import SessionClient


def test_a_flood_of_keys_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that is still there goes on."""
    monkeypatch.setattr(rate_limit_storage, "MOST_KEYS", 3)
    storage = storage_from_string("bounded-memory://")
    assert isinstance(storage, BoundedMemoryStorage)
    for number in range(10):
        storage.incr(f"key {number}", 60)
    assert list(storage.storage) == ["key 7", "key 8", "key 9"]
    assert set(storage.expirations) == set(storage.storage)
    assert storage.incr("key 9", 60) == 2


def test_threads_that_count_at_once_keep_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """None adds its key between the check and the count of another."""
    monkeypatch.setattr(rate_limit_storage, "MOST_KEYS", 1)
    storage, second = BoundedMemoryStorage(), threading.Event()
    count = MemoryStorage.incr

    def wait_for_the_other(self: MemoryStorage, key: str, expiry: float, amount: int = 1) -> int:
        if key == "first":
            second.wait(0.2)
        second.set()
        return count(self, key, expiry, amount)

    monkeypatch.setattr(MemoryStorage, "incr", wait_for_the_other)
    threads = [threading.Thread(target=storage.incr, args=(key, 60)) for key in ("first", "second")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(storage.storage) == 1


def test_a_long_address_is_not_kept(anonymous: FlaskClient, example: Example) -> None:
    """A megabyte for each refused request would be a way to fill the memory."""
    response = SessionClient(anonymous).submit("/sign-in", on="/sign-in", email="x" * 400_000)
    assert response.status_code == 422
    storage = limiter.storage
    assert isinstance(storage, BoundedMemoryStorage)
    assert storage.storage
    assert max(map(len, storage.storage)) < 300
