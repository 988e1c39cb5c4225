"""Calls to trackers: bounded in time and size, never to another host; an answer is JSON or a `ConnectorError`."""

import builtins
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from connectors.fields import text
from connectors.replies import Reply, host_of, judge, place_of
from sync_service.domain.connectors import Refused, Rejected, Unavailable

USER_AGENT = "okr-sync"
"""GitHub refuses calls without one. https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api"""

_MOST_REDIRECTS = 3
_CHUNK = 65_536
_REDIRECTS: Mapping[str, tuple[int, ...]] = {"GET": (301, 302, 303, 307, 308)}
_OTHER_REDIRECTS = (307, 308)
"""The redirects that leave a call what it is."""

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
    session.trust_env = host_of(url) not in _LOOPBACK
    return session


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


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
        """Fetch a JSON object; raises as `send` and `judge` do."""
        reply = self.send("GET", url, authorization=authorization, headers=headers, params=params)
        judge(reply, now=self.now())
        return Answer(reply.url, reply.object())

    def list(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> builtins.list[dict[str, Any]]:
        """Fetch a JSON list of objects; raises as `send` and `judge` do."""
        reply = self.send("GET", url, authorization=authorization, headers=headers, params=params)
        judge(reply, now=self.now())
        return reply.objects()

    def send(
        self,
        method: Method,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Reply:
        """Make a call and give the reply, whatever its status; a redirect is followed on the same host.

        Raise `Unavailable` where there is no reply, `Refused` for a redirect to another host, `Rejected` for a circle
        of them, for a reply that is too large, and for an address that is none.
        """
        if authorization and not (authorization.isascii() and authorization.isprintable()):
            raise Refused("the token holds characters that no token has")
        asked = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        call = requests.Request(method, url, headers=asked, params=dict(params or {}), json=json)
        call.auth = _Bearing(authorization)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._call(call)
            if reply.status not in _REDIRECTS.get(method, _OTHER_REDIRECTS):
                return reply
            call.url, call.params = _next_on_same_host(reply), {}
        raise Rejected(f"{place_of(url)} redirects in a circle")

    def _call(self, call: requests.Request) -> Reply:
        method, url = str(call.method), str(call.url)
        try:
            with (
                _session_for(url) as session,
                session.request(
                    method,
                    url,
                    headers=call.headers,
                    params=call.params,
                    json=call.json,
                    auth=call.auth,
                    timeout=(self.connect_seconds, self.read_seconds),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                body = self._bounded(answer)
                return Reply(answer.url, status=answer.status_code, headers=answer.headers, body=body)
        except _MISTYPED:
            raise Rejected("the connection's site is not a web address") from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            # The error's own text holds the whole address; its kind is enough to act on.
            raise Unavailable(f"{place_of(url)} does not answer ({type(error).__name__})") from error

    def _bounded(self, answer: requests.Response) -> bytes:
        """Read a body as it comes: `iter_content` waits for whole chunks, and a trickle fills one in hours."""
        body = bytearray()
        deadline = time.monotonic() + self.whole_seconds
        while piece := answer.raw.read1(_CHUNK, decode_content=True):
            body += piece
            if len(body) > self.most_bytes:
                raise Rejected(f"{place_of(answer.url)} answers with more than {self.most_bytes} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(f"{place_of(answer.url)} is too slow")
        return bytes(body)


def _next_on_same_host(reply: Reply) -> str:
    location, where = reply.header("Location"), "nowhere"
    try:
        target = urljoin(reply.url, location)
        # The rest of the address may hold a key, or a name that nobody should read in a log.
        where = (text(host_of(target), 100) or where) if location else where
        stays = bool(location) and _origin(target) == _origin(reply.url)
    except ValueError:
        stays = False
    if not stays:
        raise Refused(f"{reply.place} redirects to {where}, where credentials must not go")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return (parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme))
