"""HTTP client for trackers: keep-alive, timeouts, a size limit, no redirect to another host; `ConnectorError`s."""

import builtins
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from connectors.json_fields import text
from connectors.proxies import BY_PROXY, require_usable_proxy
from connectors.responses import Response, host_of_url, raise_for_response, shown_host
from sync_service.domain.trackers.connector import Refused, Rejected, Unavailable

USER_AGENT = "okr-sync"
"""GitHub refuses calls without one. https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api"""

_MOST_REDIRECTS = 3
_CHUNK = 65_536
_REDIRECTS: Mapping[str, tuple[int, ...]] = {"GET": (301, 302, 303, 307, 308)}
_OTHER_REDIRECTS = (307, 308)
"""The redirects that keep a request's method and body."""

_IDLE_SECONDS = 30
"""How long an unused connection is kept. Servers and firewalls drop idle ones, some after a minute and silently."""

_MOST_IDLE = 10
"""Maximum sites per thread whose connection is kept."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_CA_SETTINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name trusted certificate authorities. requests knows the first two, Python's own TLS the last."""

_CERTIFICATE = re.compile(r"certificate verify failed: ([^'\"()]{1,200})")

_INVALID_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _HeaderAuth(requests.auth.AuthBase):
    """Set the header `Authorization`. Without an auth object requests would read a password from ~/.netrc."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def __call__(self, call: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorization:
            call.headers["Authorization"] = self._authorization
        return call


class _Session(requests.Session):
    """A session that keeps one site's connection alive, keeps no cookies, and leaves redirects to us.

    requests parses the address of a redirect even with `allow_redirects=False`.
    """

    def __init__(self, site: str) -> None:
        super().__init__()
        self.site = site
        self.trust_env = host_of_url(site) not in _LOOPBACK  # no proxy can reach a server on this machine only
        if self.trust_env:
            require_usable_proxy(site)
        self.verify = _authorities()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.idle_since: float | None = None

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: no reply counts as a redirect for requests."""
        del resp
        return None


class _Sessions(threading.local):
    """The idle sessions of one thread by site, the last used last; each ended its last call well.

    A forked process makes its own: two processes that use one connection would read each other's replies.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._idle: dict[str, _Session] = {}

    @contextlib.contextmanager
    def session(self, url: str) -> Iterator[_Session]:
        """Yield a session for an address. Keep it for the next call, or close it if this call raises an error."""
        session = self._take("/".join(url.split("/", 3)[:3]))
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._keep(session)

    def _take(self, site: str) -> _Session:
        if self._pid != os.getpid():
            self._pid, self._idle = os.getpid(), {}
        session = self._idle.pop(site, None)
        if session and time.monotonic() - (session.idle_since or 0) < _IDLE_SECONDS:
            return session
        if session:
            session.close()
        return _Session(site)

    def _keep(self, session: _Session) -> None:
        session.idle_since = time.monotonic()
        self._idle[session.site] = session
        if len(self._idle) > _MOST_IDLE:
            self._idle.pop(next(iter(self._idle))).close()


_sessions = _Sessions()


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """A decoded JSON object. `url` is the address that answered, after any redirect on the same host."""

    url: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClient:
    """The client and its limits. Times are in seconds, `max_bytes` counts decompressed bytes, `now` is aware UTC."""

    connect_seconds: float = 5
    read_seconds: float = 10
    total_seconds: float = 15
    max_bytes: int = 10_000_000
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def get(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> JsonResponse:
        """Fetch a JSON object. Raise the errors of `send` and `raise_for_response`."""
        reply = self.send("GET", url, authorization=authorization, headers=headers, params=params)
        raise_for_response(reply, now=self.now())
        return JsonResponse(reply.url, reply.object())

    def list(
        self,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> builtins.list[dict[str, Any]]:
        """Fetch a JSON list of objects. Raise the errors of `send` and `raise_for_response`."""
        reply = self.send("GET", url, authorization=authorization, headers=headers, params=params)
        raise_for_response(reply, now=self.now())
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
    ) -> Response:
        """Send a request and return the reply, whatever its status. Follow redirects on the same host only.

        Raise `Unavailable` when there is no reply, `Refused` for a redirect to another host, and `Rejected` for a
        redirect loop, a reply that is too large or an invalid address.
        """
        if authorization and not (authorization.isascii() and authorization.isprintable()):
            raise Refused("the token contains characters that a token can't have")
        request_headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        call = requests.Request(method, url, headers=request_headers, params=dict(params or {}), json=json)
        call.auth = _HeaderAuth(authorization)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._call(call)
            if reply.status not in _REDIRECTS.get(method, _OTHER_REDIRECTS):
                return reply
            call.url, call.params = _next_on_same_host(reply), {}
        raise Rejected(f"{shown_host(url)} redirects in a loop")

    def _call(self, call: requests.Request) -> Response:
        try:
            return self._call_or_repeat(call)
        except _INVALID_URL:
            raise Rejected("the connection's site is not a web address") from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            # The error's own text contains the whole address, which must not be logged.
            raise Unavailable(f"{shown_host(str(call.url))} {_what_failed(error)}") from error

    def _call_or_repeat(self, call: requests.Request) -> Response:
        """Send the request. If the server closed a kept connection just then, send a read once more on a new one."""
        is_reused = False
        try:
            with _sessions.session(str(call.url)) as session:
                is_reused = session.idle_since is not None
                return self._call_on(session, call)
        except requests.exceptions.ConnectionError as error:
            if call.method != "GET" or not is_reused or not _is_closed_by_server(error):
                raise
        with _sessions.session(str(call.url)) as session:
            return self._call_on(session, call)

    def _call_on(self, session: _Session, call: requests.Request) -> Response:
        with session.request(
            str(call.method),
            str(call.url),
            headers=call.headers,
            params=call.params,
            json=call.json,
            auth=call.auth,
            timeout=(self.connect_seconds, self.read_seconds),
            allow_redirects=False,
            stream=True,
        ) as answer:
            body = self._read_bounded(answer)
            return Response(answer.url, status=answer.status_code, headers=answer.headers, body=body)

    def _read_bounded(self, answer: requests.Response) -> bytes:
        """Read a body in small reads: `iter_content` waits for whole chunks, which a slow server fills in hours."""
        body = bytearray()
        deadline = time.monotonic() + self.total_seconds
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self.max_bytes:
                raise Rejected(f"{shown_host(answer.url)} answers with more than {self.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(f"{shown_host(answer.url)} is too slow")
        return bytes(body)


def _authorities() -> str | bool:
    """Return the file or directory of trusted certificate authorities; True for those that requests brings."""
    return next((value for name in _CA_SETTINGS if (value := os.environ.get(name))), True)


def _what_failed(error: Exception) -> str:
    """Say what happened in words that hold no address."""
    if isinstance(error, requests.exceptions.SSLError | SSLError):
        found = _CERTIFICATE.search(str(error))
        why = f"its TLS certificate is not trusted: {found[1].strip()}" if found else "the TLS connection failed"
        return f"can't be reached safely: {why}; for an authority of your own, set {_CA_SETTINGS[-1]} to its file"
    if isinstance(error, requests.exceptions.ProxyError):
        return BY_PROXY
    return f"does not answer ({type(error).__name__})"


def _is_closed_by_server(error: requests.exceptions.ConnectionError) -> bool:
    """Return whether a connection broke before the reply; False when none could be made, or it timed out."""
    return bool(error.args) and isinstance(error.args[0], ProtocolError)


def _next_on_same_host(reply: Response) -> str:
    location, shown_host = reply.header("Location"), "nowhere"
    try:
        target_url = urljoin(reply.url, location)
        # Show the host only: the rest of the address may contain a key, or a name that must not be logged.
        shown_host = (text(host_of_url(target_url), 100) or shown_host) if location else shown_host
        same_host = bool(location) and _origin(target_url) == _origin(reply.url)
    except ValueError:
        same_host = False
    if not same_host and _is_same_host_by_https(reply.url, location):
        raise Refused(f"{reply.shown_host} redirects from http to https: write https in the connection's site")
    if not same_host:
        raise Refused(f"{reply.shown_host} redirects to {shown_host}, a host that must not get our credentials")
    return target_url


def _is_same_host_by_https(url: str, location: str) -> bool:
    try:
        before, after = urlsplit(url), urlsplit(urljoin(url, location))
    except ValueError:
        return False
    return (before.scheme, after.scheme) == ("http", "https") and before.hostname == after.hostname


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return (parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme))
