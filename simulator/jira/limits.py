"""Rate limits of the simulated Jira: count requests, and refuse those beyond the limit.

Cloud: an hour's quota of points for an app, bursts at one endpoint by one method, and writes to one issue; its gateway
may refuse without a word. https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
Data Center: tokens that fill up again by the interval.
https://confluence.atlassian.com/adminjiraserver/improving-instance-stability-with-rate-limiting-983794911.html

Off until switched on; `block` works in either case.
"""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

QUOTA, TENANT, BURST, PER_ISSUE = (
    "jira-quota-global-based",
    "jira-quota-tenant-based",
    "jira-burst-based",
    "jira-per-issue-on-write",
)
_HOUR, _SECOND = timedelta(hours=1), timedelta(seconds=1)
_ISSUE = re.compile(r"/issue/([^/]+)")
_NAMED = re.compile(r"/[^/]*\d[^/]*(?=/|$)")
_READING_POSTS = ("/search", "/bulkfetch", "/approximate-count", "/parse", "/match")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The limits. The numbers are Cloud's own; those of Data Center are its administrators' choice.

    `beta` shows the quota in headers only and refuses nothing.
    """

    points_per_hour: int = 65_000
    reads_per_second: int = 100
    changes_per_second: int = 50
    writes_per_issue: tuple[tuple[int, timedelta], ...] = ((20, timedelta(seconds=2)), (100, timedelta(seconds=30)))
    beta: bool = False
    tokens: int = 100
    fill: int = 10
    interval: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered; without `reason` it is the gateway's, or Data Center's."""

    reason: str
    headers: Mapping[str, str]


class Limits:
    """Counts requests by the simulator's clock; `rules` None means no limit."""

    def __init__(self, clock: Clock, *, data_center: bool) -> None:
        self.rules: Rules | None = None
        self._clock = clock
        self._data_center = data_center
        self._lock = threading.Lock()
        self._points, self._hour = 0, clock()
        self._tokens, self._filled = 0, clock()
        self._recent: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._blocks: list[tuple[datetime, str, str, bool]] = []

    def switch_on(self, rules: Rules | None = None) -> None:
        """Switch the limits on, with Jira's own numbers by default."""
        with self._lock:
            self.rules = rules or Rules()
            self._points, self._hour = 0, _hour_of(self._clock())
            self._tokens, self._filled = self.rules.tokens, self._clock()
            self._recent.clear()

    def switch_off(self) -> None:
        """Switch the limits off."""
        with self._lock:
            self.rules = None
            self._blocks.clear()

    def block(self, seconds: float, *, reason: str = "", path: str = "", with_headers: bool = True) -> None:
        """Refuse paths that contain `path` for a while; without `with_headers`, as the gateway does."""
        with self._lock:
            self._blocks.append((self._clock() + timedelta(seconds=seconds), reason, path, with_headers))

    def check(self, request: Request) -> Refusal | None:
        """Count a request, or refuse it."""
        with self._lock:
            now = self._clock()
            return self._blocked(request, now) or (None if self.rules is None else self._over(request, now, self.rules))

    def show(self, response: Response) -> None:
        """Count the objects of a response, and add the rate limit headers."""
        rules = self.rules
        if rules is None:
            return
        with self._lock:
            if self._data_center:
                left = {"X-RateLimit-Limit": rules.tokens, "X-RateLimit-Remaining": self._tokens}
                left |= {"X-RateLimit-FillRate": rules.fill}
                left |= {"X-RateLimit-Interval-Seconds": int(rules.interval.total_seconds())}
            else:
                self._points += _objects(response)
                rest = max(0, rules.points_per_hour - self._points)
                prefix = "Beta-RateLimit" if rules.beta else "X-RateLimit"
                left = {f"{prefix}-Limit": rules.points_per_hour, f"{prefix}-Remaining": rest}
                if rest * 5 < rules.points_per_hour and not rules.beta:
                    response.headers["X-RateLimit-NearLimit"] = "true"
            for name, value in left.items():
                response.headers.setdefault(name, str(value))

    def _blocked(self, request: Request, now: datetime) -> Refusal | None:
        self._blocks = [block for block in self._blocks if block[0] > now]
        for until, reason, path, with_headers in self._blocks:
            if path in request.path:
                return self._refusal(reason, until, now) if with_headers else Refusal(reason="", headers={})
        return None

    def _over(self, request: Request, now: datetime, rules: Rules) -> Refusal | None:
        if self._data_center:
            return self._out_of_tokens(now, rules)
        if _hour_of(now) > self._hour:
            self._points, self._hour = 0, _hour_of(now)
        if self._points >= rules.points_per_hour and not rules.beta:
            return self._refusal(QUOTA, self._hour + _HOUR, now)
        most = rules.reads_per_second if request.method in ("GET", "POST") else rules.changes_per_second
        endpoint = f"{request.method} {_NAMED.sub('/{}', request.path)}"
        if (until := self._too_fast(endpoint, now, most, _SECOND)) is not None:
            return self._refusal(BURST, until, now)
        issue = _ISSUE.search(request.path)
        if issue and request.method != "GET" and not request.path.endswith(_READING_POSTS):
            for most, time in rules.writes_per_issue:
                if (until := self._too_fast(f"{issue[1]} in {time}", now, most, time)) is not None:
                    return self._refusal(PER_ISSUE, until, now)
        self._points += 1
        return None

    def _out_of_tokens(self, now: datetime, rules: Rules) -> Refusal | None:
        filled = (now - self._filled) // rules.interval
        self._tokens = min(rules.tokens, self._tokens + filled * rules.fill)
        self._filled += filled * rules.interval
        if self._tokens < 1:
            return self._refusal("", self._filled + rules.interval, now)
        self._tokens -= 1
        return None

    def _too_fast(self, what: str, now: datetime, most: int, time: timedelta) -> datetime | None:
        """Count one more within a period; if that is too many, return when there is room again."""
        recent = self._recent[what]
        while recent and recent[0] <= now - time:
            recent.popleft()
        if len(recent) >= most:
            return recent[0] + time
        recent.append(now)
        return None

    def _refusal(self, reason: str, until: datetime, now: datetime) -> Refusal:
        headers = {"Retry-After": str(-(-(until - now) // _SECOND))}
        if not self._data_center:
            headers |= {"RateLimit-Reason": reason} if reason else {}
            headers |= {"X-RateLimit-Reset": f"{until:%Y-%m-%dT%H:%MZ}", "X-RateLimit-Remaining": "0"}
        return Refusal(reason=reason, headers=headers)


def _hour_of(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def _objects(response: Response) -> int:
    """Count the objects in a response; each costs a point."""
    if response.status_code != 200 or response.mimetype != "application/json":
        return 0
    found = json.loads(response.get_data())
    objects = found if isinstance(found, list) else found.get("issues") or found.get("values") or [found]
    return len(objects)
