"""Poll the API with an admin's token, as a dashboard does."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

PAUSE = 0.01
"""Seconds between two polls of the change counter, which open pages poll too."""

LONGER_PAUSE = 0.1
"""Seconds between two calls for a list: a token may make 600 calls a minute."""

Values = Mapping[str, float | None]


class NotObserved(Exception):
    """What was expected did not happen in time; the message says what was observed instead."""


def same_values(one: Values, other: Values) -> bool:
    """Return whether values are the same but for rounding."""
    return one.keys() == other.keys() and all(_close(one[slug], other[slug]) for slug in one)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < 1e-5


@dataclass(slots=True)
class Seen:
    """The key results as last seen, and when each value was first seen, by `time.monotonic()`."""

    values: Values = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)


class ApiWatcher:
    """Polls the API at `address`; reads key results only when the change counter `changes` has changed.

    `check` raises when the service has ended, because waiting is useless then.
    """

    def __init__(self, address: str, token: str, *, changes: Callable[[], int], check: Callable[[], None]) -> None:
        self._base = f"{address}/api/v1"
        self._changes = changes
        self._check = check
        self._counted = -1
        self.seen = Seen()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def history(self, slug: str) -> Sequence[Mapping[str, Any]]:
        """List a key result's changes, newest first."""
        return self._items(f"/key-results/{slug}/history")

    def deliveries(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the newest five hundred deliveries by the tracker's id."""
        return {one["delivery"]: one for one in self._items("/deliveries")}

    def notices(self) -> Sequence[Mapping[str, Any]]:
        """List the newest five hundred notices."""
        return self._items("/notices")

    def poll(self) -> Seen:
        """Read the present values of the key results."""
        counted = self._changes()
        if counted != self._counted:
            values = {one["slug"]: one["current"] for one in self._items("/key-results")}
            now = time.monotonic()
            for slug, value in values.items():
                if slug not in self.seen.values or self.seen.values[slug] != value:
                    self.seen.since[slug] = now
            self.seen.values, self._counted = values, counted
        return self.seen

    def wait_for(self, expected: Values, *, seconds: float) -> Seen:
        """Wait until the values are these; raise `NotObserved`."""
        deadline = time.monotonic() + seconds
        while not same_values(self.poll().values, expected):
            if time.monotonic() > deadline:
                raise NotObserved(
                    f"expected {_written(expected)}; found {_written(self.seen.values)}, after {seconds:g} s"
                )
            self._check()
            time.sleep(PAUSE)
        return self.seen

    def wait_until(self, holds: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
        """Wait until something holds; raise `NotObserved`."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise NotObserved(f"{what}: not within {seconds:g} s")
            self._check()
            time.sleep(LONGER_PAUSE)

    def _items(self, path: str) -> Sequence[Mapping[str, Any]]:
        answer = self._session.get(f"{self._base}{path}?limit=500", timeout=20)
        while answer.status_code == 429:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            answer = self._session.get(f"{self._base}{path}?limit=500", timeout=20)
        answer.raise_for_status()
        items: Sequence[Mapping[str, Any]] = answer.json()["items"]
        return items


def _written(values: Values) -> str:
    return ", ".join(f"{slug} {'no data' if value is None else f'{value:g}'}" for slug, value in values.items())
