"""Rate limits, primary and secondary: count requests by credential and refuse those beyond the limit.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api

Off until switched on, as on GitHub Enterprise Server; `block` works in either case.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from simulator.clock import Clock

Resource = Literal["core", "search", "graphql"]

PRIMARY = "API rate limit exceeded for {bucket}."
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
CONTENT = (
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. "
    "Please retry your request again later."
)

_WINDOWS: Mapping[Resource, timedelta] = {
    "core": timedelta(hours=1),
    "search": timedelta(minutes=1),
    "graphql": timedelta(hours=1),
}
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_READ_POINTS, _WRITE_POINTS = 1, 5
_FREE_REPOSITORIES, _PER_REPOSITORY, _MOST_OF_INSTALLATION = 20, 50, 12_500


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The limits: requests by resource, points a minute, and writes a minute and an hour.

    `status` is 403 or 429. A secondary limit blocks for `pause`; `retry_after`: the response says how long.
    """

    core: int = 5000
    search: int = 30
    graphql: int = 5000
    points_per_minute: int = 900
    writes_per_minute: int = 80
    writes_per_hour: int = 500
    status: Literal[403, 429] = 403
    pause: timedelta = _MINUTE
    retry_after: bool = True


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered; `primary` means that nothing is left until the reset."""

    status: int
    message: str
    primary: bool = False
    retry_after: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Block:
    until: datetime
    bucket: str
    writes_only: bool
    retry_after: bool


@dataclass(kw_only=True)
class _Window:
    reset: datetime
    used: int = 0


@dataclass(kw_only=True)
class _Recent:
    """The requests of the last hour: when, how many points, and whether each changed content."""

    requests: deque[tuple[datetime, int, bool]] = field(default_factory=deque)

    def add(self, now: datetime, points: int, *, writes: bool) -> None:
        self.requests.append((now, points, writes))
        while self.requests[0][0] <= now - _HOUR:
            self.requests.popleft()

    def points(self, now: datetime) -> int:
        return sum(points for when, points, _ in self.requests if when > now - _MINUTE)

    def writes(self, since: datetime) -> int:
        return sum(writes for when, _, writes in self.requests if when > since)


class Limits:
    """Counts requests by bucket and by the simulator's clock; `rules` None means no limit."""

    def __init__(self, clock: Clock) -> None:
        self.rules: Rules | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, Resource], _Window] = {}
        self._recent: defaultdict[str, _Recent] = defaultdict(_Recent)
        self._blocks: list[_Block] = []

    def switch_on(self, rules: Rules | None = None) -> None:
        """Switch the limits on, with GitHub's own numbers by default."""
        with self._lock:
            self.rules = rules or Rules()
            self._windows.clear()
            self._recent.clear()

    def switch_off(self) -> None:
        """Switch the limits off."""
        with self._lock:
            self.rules = None
            self._blocks.clear()

    def block(self, seconds: float, *, bucket: str = "", writes_only: bool = False, retry_after: bool = True) -> None:
        """Refuse for a while by a secondary limit: every bucket or one, all calls or only writes."""
        until = self._clock() + timedelta(seconds=seconds)
        with self._lock:
            block = _Block(until=until, bucket=bucket, writes_only=writes_only, retry_after=retry_after)
            self._blocks.append(block)

    def check(
        self, bucket: str, resource: Resource, *, writes: bool, repositories: int | None = None
    ) -> Refusal | None:
        """Count a request, or refuse it. `repositories`: an installation's count, which raises its limit."""
        with self._lock:
            now = self._clock()
            if refusal := self._blocked(bucket, now, writes=writes):
                return refusal
            rules = self.rules
            if rules is None:
                return None
            window = self._window(bucket, resource, now)
            if window.used >= self._limit(rules, resource, repositories):
                message = PRIMARY.format(bucket=bucket)
                return Refusal(status=rules.status, message=message, primary=True)
            recent = self._recent[bucket]
            if self._is_too_fast(recent, now, rules, writes=writes):
                block = _Block(
                    until=now + rules.pause, bucket=bucket, writes_only=writes, retry_after=rules.retry_after
                )
                self._blocks.append(block)
                return self._blocked(bucket, now, writes=writes)
            window.used += 1
            recent.add(now, _WRITE_POINTS if writes else _READ_POINTS, writes=writes)
            return None

    def spend(self, bucket: str, resource: Resource, points: int) -> None:
        """Count more points for a request than one; a negative number gives points back."""
        with self._lock:
            if self.rules is not None:
                window = self._window(bucket, resource, self._clock())
                window.used = max(0, window.used + points)

    def remaining(self, bucket: str, resource: Resource, *, repositories: int | None = None) -> dict[str, int]:
        """Return limit, remaining, used and reset (seconds since 1970), as GitHub's headers have them."""
        with self._lock:
            now, rules = self._clock(), self.rules or Rules()
            limit = self._limit(rules, resource, repositories)
            window = self._windows.get((bucket, resource))
            if self.rules is None or window is None or window.reset <= now:
                reset = int((now + _WINDOWS[resource]).timestamp())
                return {"limit": limit, "remaining": limit, "used": 0, "reset": reset}
            used = min(window.used, limit)
            return {"limit": limit, "remaining": limit - used, "used": used, "reset": int(window.reset.timestamp())}

    # Inside

    def _window(self, bucket: str, resource: Resource, now: datetime) -> _Window:
        window = self._windows.get((bucket, resource))
        if window is None or window.reset <= now:
            window = _Window(reset=now + _WINDOWS[resource])
            self._windows[bucket, resource] = window
        return window

    def _limit(self, rules: Rules, resource: Resource, repositories: int | None) -> int:
        limit: int = getattr(rules, resource)
        if resource != "core" or repositories is None:
            return limit
        more = _PER_REPOSITORY * max(0, repositories - _FREE_REPOSITORIES)
        return max(limit, min(_MOST_OF_INSTALLATION, limit + more))

    def _is_too_fast(self, recent: _Recent, now: datetime, rules: Rules, *, writes: bool) -> bool:
        if recent.points(now) + (_WRITE_POINTS if writes else _READ_POINTS) > rules.points_per_minute:
            return True
        return writes and (
            recent.writes(now - _MINUTE) >= rules.writes_per_minute
            or recent.writes(now - _HOUR) >= rules.writes_per_hour
        )

    def _blocked(self, bucket: str, now: datetime, *, writes: bool) -> Refusal | None:
        self._blocks = [block for block in self._blocks if block.until > now]
        for block in self._blocks:
            if block.bucket in ("", bucket) and (writes or not block.writes_only):
                wait = -(-(block.until - now) // timedelta(seconds=1)) if block.retry_after else None
                status = 403 if self.rules is None else self.rules.status
                message = CONTENT if block.writes_only else SECONDARY
                return Refusal(status=status, message=message, retry_after=wait)
        return None
