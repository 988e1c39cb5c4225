"""The ASGI application: whole requests reach the WSGI application, others are bounded before it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from sync_service.web.server import site as site_module
from sync_service.web.server.body import MOST_FIELDS, MOST_IN_MEMORY
from sync_service.web.server.environ import TOO_LARGE, environ_of, headers_of, path_of
from sync_service.web.server.site import ABORT, Site
from tests.support.run_async import run_async

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LIMIT = 2 * MOST_IN_MEMORY
FORM = (b"content-type", b"application/x-www-form-urlencoded")


class Echo:
    """A WSGI application that records its environments and returns the body."""

    def __init__(self) -> None:
        self.environs: list[WSGIEnvironment] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer 413 as ours does where the server found the body too large."""
        self.environs.append(environ)
        start_response("413 Too Large" if environ[TOO_LARGE] else "200 OK", [("X-Test", "yes")])
        return [environ["wsgi.input"].read()]


class Exchange:
    """One request to a site, with what it sent back. `pieces` end with None for a client that goes away."""

    def __init__(self, pieces: Iterable[bytes | None], **scope: Any) -> None:
        self.pieces = list(pieces)
        self.sent: list[Mapping[str, Any]] = []
        self.aborted = False
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "raw_path": b"/x",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "server": ("127.0.0.1", 80),
            "client": ("192.0.2.1", 1),
            "headers": [],
            ABORT: self.abort,
            **scope,
        }

    def abort(self) -> None:
        """Record that the connection is closed at once."""
        self.aborted = True

    async def receive(self) -> Mapping[str, Any]:
        """Return the next piece; wait for ever after the last one."""
        if not self.pieces:
            await asyncio.Event().wait()
        piece = self.pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Record a message."""
        self.sent.append(message)

    def run(self, site: Site) -> tuple[int, bytes]:
        """Return the status and the body of the response."""
        run_async(site(self.scope, self.receive, self.send))
        return self.sent[0]["status"], b"".join(message.get("body", b"") for message in self.sent[1:])


@pytest.fixture
def echo() -> Echo:
    """Return the application."""
    return Echo()


@pytest.fixture
def site(echo: Echo) -> Site:
    """Return a site with it."""
    return Site(echo, threads=2, limit=lambda _path: LIMIT)


@pytest.mark.parametrize("size", [0, 10, MOST_IN_MEMORY + 1, LIMIT])
def test_a_body_arrives_whole(site: Site, echo: Echo, size: int) -> None:
    """Whether it is kept in memory or on the disk; its length is known."""
    body = b"x" * size
    assert Exchange([body[: size // 2], body[size // 2 :]]).run(site) == (200, body)
    assert echo.environs[0]["CONTENT_LENGTH"] == str(size)
    assert echo.environs[0]["wsgi.input"].closed


def test_a_body_past_the_limit_is_left_out(site: Site, echo: Echo) -> None:
    """By its announced length before it is read, or when it has grown too large; the rest is discarded."""
    announced = Exchange([b"x"], headers=[(b"content-length", str(LIMIT + 1).encode())])
    grown = Exchange([b"x" * LIMIT, b"y", b"z" * 10])
    for exchange in (announced, grown):
        assert exchange.run(site) == (413, b"")
        assert exchange.pieces == []


def test_a_form_of_too_many_fields_is_left_out(site: Site) -> None:
    """Parsed, they would take a hundred times as much memory. Other bodies may have these characters."""
    body = b"a&" * (MOST_FIELDS + 1)
    assert Exchange([body], headers=[FORM]).run(site)[0] == 413
    assert Exchange([body]).run(site)[0] == 200
    assert Exchange([b"a&" * MOST_FIELDS], headers=[FORM]).run(site)[0] == 200


def test_a_body_that_does_not_end_in_time_is_refused(site: Site, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never takes a thread."""
    monkeypatch.setattr(site_module, "READ_SECONDS", 0.01)
    monkeypatch.setattr("sync_service.web.server.body.DISCARD_SECONDS", 0.01)
    trickle = Exchange([b"x", b"y"])
    trickle.pieces.append(b"z")
    trickle.receive = never_ending  # type: ignore[method-assign]
    assert trickle.run(site)[0] == 408
    assert echo.environs == []


async def never_ending() -> Mapping[str, Any]:
    """Return a byte now and then, without end."""
    await asyncio.sleep(0.001)
    return {"type": "http.request", "body": b"x", "more_body": True}


@pytest.mark.slow
def test_a_client_that_makes_us_hold_too_much_is_cut_off(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says that the request may be sent again."""
    monkeypatch.setattr(site_module, "MOST_HELD", 1000)
    monkeypatch.setattr("sync_service.web.server.body.DISCARD_SECONDS", 0.01)
    site = Site(echo, threads=2, limit=lambda _path: LIMIT)
    large = Exchange([b"x" * 2000])
    large.pieces.append(b"")
    assert large.run(site)[0] in (200, 503)
    slow = Exchange([b"x" * 2000])
    slow.receive = never_ending  # type: ignore[method-assign]
    assert slow.run(site)[0] == 503


def test_a_client_that_goes_away_reaches_no_thread(site: Site, echo: Echo) -> None:
    """Half a request is none."""
    Exchange([b"half", None]).run(site)
    assert echo.environs == []


def test_a_client_that_does_not_read_is_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline of the response."""
    monkeypatch.setattr(site_module, "SEND_SECONDS", 0.01)
    exchange = Exchange([b""])

    async def send(message: Mapping[str, Any]) -> None:
        exchange.sent.append(message)
        while not exchange.aborted:  # noqa: ASYNC110  # the transport is not read until it is closed
            await asyncio.sleep(0.001)

    exchange.send = send  # type: ignore[method-assign]
    exchange.run(site)
    assert exchange.aborted


def test_a_large_response_is_sent_in_pieces(site: Site) -> None:
    """So that the connection never buffers more than one."""
    body = bytes(range(256)) * 400
    exchange = Exchange([body])
    assert exchange.run(site) == (200, body)
    sizes = [len(message["body"]) for message in exchange.sent[1:]]
    assert max(sizes) <= site_module.PIECE
    assert [message.get("more_body", False) for message in exchange.sent[1:]] == [True] * (len(sizes) - 1) + [False]


def test_a_websocket_is_refused(site: Site) -> None:
    """There is none."""
    exchange = Exchange([b""], type="websocket")
    run_async(site(exchange.scope, exchange.receive, exchange.send))
    assert [message["type"] for message in exchange.sent] == ["websocket.close"]


def test_headers_reach_the_application_as_wsgi_says() -> None:
    """Names with underscores would pass for others: they are dropped."""
    pairs = [
        (b"x-twice", b"1"), (b"x-twice", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2"),
        (b"content-type", b"text/plain"), (b"x_real_ip", b"forged"), (b"script_name", b"/forged"),
    ]  # fmt: skip
    headers = headers_of(pairs)
    environ = environ_of(Exchange([]).scope, headers, None)
    assert (environ["HTTP_X_TWICE"], environ["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")
    assert (environ["CONTENT_TYPE"], environ["SCRIPT_NAME"]) == ("text/plain", "")
    assert "HTTP_X_REAL_IP" not in environ
    assert "HTTP_CONTENT_TYPE" not in environ


@pytest.mark.parametrize(
    ("raw", "path"),
    [(b"/a%20b", "/a b"), (b"/%ff", "/\xff"), (b"http://other.example/x", "/x"), (b"http://other.example", "/")],
)
def test_the_path_is_the_unquoted_bytes(raw: bytes, path: str) -> None:
    """Also of a request that names the whole address."""
    assert path_of(raw) == path
