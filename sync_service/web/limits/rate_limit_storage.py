"""Storage of rate limits in memory, with a bound: a flood of clients or addresses costs no more than `MOST_KEYS`."""

from threading import Lock

from flask import request
from limits.storage import MemoryStorage

from sync_service.web.server.client_address import client_network

MOST_KEYS = 5_000
"""Counters that one process keeps; the oldest is dropped for a new one."""


class BoundedMemoryStorage(MemoryStorage):
    """Counters in memory, at most `MOST_KEYS`."""

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012  # declared so by its base; importing this module registers it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:  # noqa: FBT001, FBT002  # as its base
        super().__init__(uri, wrap_exceptions, **options)
        self._one_at_a_time = Lock()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, and return it. Threads take turns: none drops a counter that another one adds to."""
        with self._one_at_a_time:
            while key not in self.storage and len(self.storage) >= MOST_KEYS:
                oldest = next(iter(list(self.storage)), "")  # a thread of the library's drops counters too
                for table in (self.storage, self.expirations, self.locks):
                    table.pop(oldest, None)
            return super().incr(key, expiry, amount)


def client_key() -> str:
    """Return the key of the client: its address, or its IPv6 network."""
    return client_network(request.remote_addr or "")
