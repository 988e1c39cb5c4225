"""Calls to trackers: bounded in time and size, never to another host; an answer is JSON or a `ConnectorError`."""

import builtins
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests

from connectors.fields import text
from connectors.letters import json_object, json_objects
from sync_service.domain.connectors import Gone, Refused, Rejected, Unavailable

USER_AGENT = "okr-sync"
"""GitHub refuses calls without one. https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api"""

_MOST_REDIRECTS = 3
_CHUNK = 65_536
_LEAST_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(days=7)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


_MISTYPED = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _Bearing(requests.auth.AuthBase):
    """Puts our headers on a call, and so keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def __call__(self, call: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorization:
            call.headers["Authorization"] = self._authorization
        return call


class _Session(requests.Session):
    """A session that leaves redirects to us: requests would take them apart even where told not to follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Find no redirect, whatever `resp` says."""
        del resp
        return None


def _session_for(url: str) -> requests.Session:
    session = _Session()
    # No proxy can reach what listens on this machine alone.
    session.trust_env = _host(url) not in _LOOPBACK
    return session


@dataclass(frozen=True, slots=True)
class Answer:
    """A tracker's answer: `url` is the address that gave it, after any redirect on the same host."""

    url: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """How we call. Times are in seconds, `most_bytes` counts what is unpacked, `now` gives aware UTC."""

    connect_seconds: float = 5
    read_seconds: float = 10
    whole_seconds: float = 15
    most_bytes: int = 10_000_000
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def get(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Fetch a JSON object; raises as `_fetch` does."""
        url, body = self._fetch(url, authorization=authorization, headers=headers, params=params)
        return Answer(url, _read(body, _place(url)))

    def list(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> builtins.list[dict[str, Any]]:
        """Fetch a JSON list of objects; raises as `_fetch` does."""
        url, body = self._fetch(url, authorization=authorization, headers=headers, params=params)
        return _read_list(body, _place(url))

    def _fetch(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
    ) -> tuple[str, bytes]:
        """Fetch a body, with the address that gave it.

        Raise `Unavailable` where the tracker can't answer now or asks for patience, `Refused` for 401, 403 and a
        redirect to another host, `Gone` for 404 (not proven) and 410 (proven), `Rejected` for anything else.
        """
        if authorization and not (authorization.isascii() and authorization.isprintable()):
            raise Refused("the token holds characters that no token has")
        bearing = _Bearing(authorization)
        asked = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        for _ in range(_MOST_REDIRECTS + 1):
            answer, body = self._call(url, auth=bearing, headers=asked, params=params)
            if answer.status_code not in (301, 302, 303, 307, 308):
                self._judge(answer, body)
                return answer.url, body
            url, params = _next_on_same_host(answer), None
        raise Rejected(f"{_place(url)} redirects in a circle")

    def _call(
        self, url: str, *, auth: _Bearing, headers: Mapping[str, str], params: Mapping[str, str] | None
    ) -> tuple[requests.Response, bytes]:
        try:
            with (
                _session_for(url) as session,
                session.get(
                    url,
                    auth=auth,
                    headers=dict(headers),
                    params=dict(params or {}),
                    timeout=(self.connect_seconds, self.read_seconds),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                return answer, self._bounded(answer)
        except _MISTYPED:
            raise Rejected("the connection's site is not a web address") from None
        except requests.exceptions.RequestException as error:
            # The error's own text holds the whole address; its kind is enough to act on.
            raise Unavailable(f"{_place(url)} does not answer ({type(error).__name__})") from error

    def _bounded(self, answer: requests.Response) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + self.whole_seconds
        for piece in answer.iter_content(_CHUNK):
            body += piece
            if len(body) > self.most_bytes:
                raise Rejected(f"{_place(answer.url)} answers with more than {self.most_bytes} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(f"{_place(answer.url)} is too slow")
        return bytes(body)

    def _judge(self, answer: requests.Response, body: bytes) -> None:
        status, place = answer.status_code, _place(answer.url)
        if 200 <= status < 300:
            return
        if status == 429 or (status == 403 and _is_limit(answer, body)):
            raise Unavailable(f"{place} asks for patience ({status})", self._patience(answer))
        if status >= 500 or status == 408:
            raise Unavailable(f"{place} can't answer now ({status})", self._retry_after(answer))
        _raise_for(status, place)

    def _patience(self, answer: requests.Response) -> datetime:
        """Give the time a limit ends: `Retry-After`, else the reset told, else a minute from now.

        https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
        """
        return self._retry_after(answer) or self._reset(answer) or self.now() + _LEAST_WAIT

    def _retry_after(self, answer: requests.Response) -> datetime | None:
        told = answer.headers.get("Retry-After", "").strip()
        if told.isascii() and told.isdigit():
            return self._sane(self.now() + min(timedelta(seconds=int(told[:9])), _LONGEST_WAIT))
        try:
            found = parsedate_to_datetime(told)
        except ValueError:
            return None
        return self._sane(found) if found.tzinfo else None

    def _reset(self, answer: requests.Response) -> datetime | None:
        """Read `X-RateLimit-Reset`: seconds since 1970 from GitHub, ISO 8601 from Jira."""
        told = answer.headers.get("X-RateLimit-Reset", "").strip()
        if not told or answer.headers.get("X-RateLimit-Remaining", "0").strip() != "0":
            return None
        try:
            found = datetime.fromtimestamp(int(told), UTC) if told.isdigit() else datetime.fromisoformat(told)
        except (ValueError, OverflowError, OSError):
            return None
        return self._sane(found) if found.tzinfo else None

    def _sane(self, found: datetime) -> datetime:
        now = self.now()
        return min(max(found.astimezone(UTC), now), now + _LONGEST_WAIT)


def _read(body: bytes, place: str) -> Mapping[str, Any]:
    try:
        return json_object(body)
    except Rejected as error:
        raise Rejected(f"{place} answers with something unreadable: {error}") from None


def _read_list(body: bytes, place: str) -> list[dict[str, Any]]:
    try:
        return json_objects(body)
    except Rejected as error:
        raise Rejected(f"{place} answers with something unreadable: {error}") from None


def _raise_for(status: int, place: str) -> NoReturn:
    if status == 401:
        raise Refused(f"{place} does not accept the credentials (401)")
    if status == 403:
        raise Refused(f"{place} does not permit it with these credentials (403)")
    if status == 404:
        raise Gone(f"{place} shows nothing there (404): deleted, or hidden from these credentials", proven=False)
    if status == 410:
        raise Gone(f"{place} says that it was deleted (410)", proven=True)
    raise Rejected(f"{place} refuses the request ({status})")


def _is_limit(answer: requests.Response, body: bytes) -> bool:
    """Tell GitHub's 403 for a limit from one for lack of permission; its secondary limit may say so in words alone."""
    headers = answer.headers
    return (
        "Retry-After" in headers
        or headers.get("X-RateLimit-Remaining", "").strip() == "0"
        or b"rate limit" in body[:2000].lower()
    )


def _next_on_same_host(answer: requests.Response) -> str:
    location = answer.headers.get("Location", "")
    try:
        target = urljoin(answer.url, location)
        stays = bool(location) and _origin(target) == _origin(answer.url)
    except ValueError:
        stays = False
    if not stays:
        where = text(location, 100) or "nowhere"
        raise Refused(f"{_place(answer.url)} redirects to {where}, where credentials must not go")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return (parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme))


def _place(url: str) -> str:
    """Name the host alone: addresses can carry names of issues nobody should read in a log."""
    return _host(url) or "the tracker"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
