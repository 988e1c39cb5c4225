"""HTTP keep-alive: connections are reused, and a broken one is replaced."""

import os
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from connectors import http
from connectors.http import HttpClient
from sync_service.domain.trackers.connector import Rejected, Unavailable


class _Tracker(ThreadingHTTPServer):
    """An HTTP/1.1 server that counts connections and records requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        self.closed = Event()
        self.requests: list[tuple[str, Message]] = []

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def send(self, method: http.Method, path: str, client: HttpClient | None = None, token: str | None = None) -> int:
        """Send a request to this server and return the status of the reply."""
        client = client or HttpClient()
        return client.send(method, self.url + path, authorization=token, json=None if method == "GET" else {}).status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Tracker
    log_message: Callable[..., None] = staticmethod(lambda *_: None)

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self._served = 0

    def finish(self) -> None:
        super().finish()
        self.connection.close()
        self.server.closed.set()

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._served += 1
        if self.path == "/breaks" or (self.path == "/breaks-when-reused" and self._served > 1):
            self.close_connection = True
            return
        body = b"x" * 500_000 if self.path == "/large" else b"{}"
        self.send_response(307 if self.path == "/moved" else 200)
        self.send_header("Location", "/")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=1")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/closes"

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server chooses by these names


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Tracker]:
    """Yield a running server; no thread has a session yet."""
    monkeypatch.setattr(http, "_sessions", http._Sessions())
    with _Tracker() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_second_call_uses_the_same_connection(tracker: _Tracker) -> None:
    """The calls may come from different client objects."""
    assert [tracker.send("GET", "/"), tracker.send("POST", "/"), tracker.send("GET", "/")] == [200, 200, 200]
    assert tracker.connections == 1


def test_cookies_are_not_kept(tracker: _Tracker) -> None:
    """A cookie of one connection's account must not be sent with another's token."""
    tracker.send("GET", "/")
    tracker.send("GET", "/")
    assert [headers["Cookie"] for _, headers in tracker.requests] == [None, None]


def test_a_token_is_sent_with_its_own_call_only(tracker: _Tracker) -> None:
    """Two connections to one site, with two tokens or with none, share the TCP connection."""
    for token in ("Bearer one", None, "Bearer two"):
        tracker.send("GET", "/", token=token)
    assert [headers["Authorization"] for _, headers in tracker.requests] == ["Bearer one", None, "Bearer two"]
    assert tracker.connections == 1


def test_a_redirect_is_followed_on_the_same_connection(tracker: _Tracker) -> None:
    """It leads to the same host."""
    assert tracker.send("GET", "/moved") == 200
    assert ([path for path, _ in tracker.requests], tracker.connections) == (["/moved", "/"], 1)


def test_a_connection_that_the_server_closed_after_its_reply_is_replaced(tracker: _Tracker) -> None:
    """Servers close idle connections without notice."""
    assert tracker.send("GET", "/closes") == 200
    assert tracker.closed.wait(5)
    assert tracker.send("POST", "/") == 200
    assert tracker.connections == 2


def test_a_read_that_finds_its_connection_closed_is_sent_again_once(tracker: _Tracker) -> None:
    """The server closes the connection while the request is under way."""
    assert tracker.send("GET", "/breaks-when-reused") == 200
    assert tracker.send("GET", "/breaks-when-reused") == 200
    assert (tracker.connections, len(tracker.requests)) == (2, 3)


def test_a_read_is_not_sent_a_third_time(tracker: _Tracker) -> None:
    """A server that closes a new connection too is not available."""
    tracker.send("GET", "/")
    with pytest.raises(Unavailable):
        tracker.send("GET", "/breaks")
    assert [path for path, _ in tracker.requests] == ["/", "/breaks", "/breaks"]


def test_a_read_that_breaks_a_new_connection_is_not_sent_again(tracker: _Tracker) -> None:
    """Only a kept connection may be stale."""
    with pytest.raises(Unavailable):
        tracker.send("GET", "/breaks")
    assert len(tracker.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_is_never_sent_again(tracker: _Tracker, method: http.Method) -> None:
    """Nobody knows whether the server carried it out."""
    assert tracker.send(method, "/breaks-when-reused") == 200
    with pytest.raises(Unavailable):
        tracker.send(method, "/breaks-when-reused")
    assert len(tracker.requests) == 2


def test_a_connection_that_was_idle_for_long_is_not_used(tracker: _Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall may have dropped it silently: the next call would wait in vain."""
    tracker.send("GET", "/")
    monkeypatch.setattr(http, "_IDLE_SECONDS", 0)
    tracker.send("GET", "/")
    assert tracker.connections == 2


def test_the_sites_with_a_kept_connection_are_bounded(tracker: _Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was not used for longest is closed."""
    monkeypatch.setattr(http, "_MOST_IDLE", 1)
    tracker.send("GET", "/")
    HttpClient().get(tracker.url.replace("127.0.0.1", "localhost"), authorization=None)
    assert tracker.closed.wait(5)
    tracker.send("GET", "/")
    assert tracker.connections == 3


def test_a_server_that_refuses_connections_is_not_tried_twice(
    tracker: _Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a connection that breaks may be stale; no new session replaces the kept one."""
    tracker.send("GET", "/closes")
    assert tracker.closed.wait(5)
    tracker.shutdown()
    tracker.server_close()
    monkeypatch.delattr(http, "_Session")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not answer \(ConnectionError\)"):
        tracker.send("GET", "/")


def test_a_failed_call_leaves_no_session(tracker: _Tracker) -> None:
    """The next read begins on a new connection, which can't be stale."""
    tracker.send("GET", "/")
    with pytest.raises(Unavailable):
        tracker.send("POST", "/breaks")
    with pytest.raises(Unavailable):
        tracker.send("GET", "/breaks")
    assert [path for path, _ in tracker.requests] == ["/", "/breaks", "/breaks"]


def test_a_reply_that_is_too_slow_ends_its_connection(tracker: _Tracker) -> None:
    """What comes later must not be read as the next reply."""
    with pytest.raises(Unavailable, match="too slow"):
        tracker.send("GET", "/large", HttpClient(total_seconds=-1))
    assert tracker.send("GET", "/") == 200
    assert tracker.connections == 2


def test_a_reply_that_is_too_large_ends_its_connection(tracker: _Tracker) -> None:
    """The rest of its body must not be read as the next reply."""
    with pytest.raises(Rejected, match="more than 1000 bytes"):
        tracker.send("GET", "/large", HttpClient(max_bytes=1000))
    assert tracker.send("GET", "/") == 200
    assert tracker.connections == 2


def test_another_thread_has_its_own_connection(tracker: _Tracker) -> None:
    """A session of requests is not made for use by several threads."""
    tracker.send("GET", "/")
    other = Thread(target=tracker.send, args=("GET", "/"))
    other.start()
    other.join()
    assert (tracker.connections, len(tracker.requests)) == (2, 2)


def test_a_thread_that_ends_closes_its_connection(tracker: _Tracker) -> None:
    """Pages call a tracker in short threads; their connections must not pile up."""
    call = Thread(target=tracker.send, args=("GET", "/"))
    call.start()
    call.join()
    assert tracker.closed.wait(5)


def test_a_forked_process_makes_its_own_connection(tracker: _Tracker) -> None:
    """Two processes that write to one connection would read each other's replies."""
    tracker.send("GET", "/")
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in the child
        status = 1
        try:
            status = 0 if tracker.send("GET", "/child") == 200 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tracker.send("GET", "/parent")
    assert ([path for path, _ in tracker.requests], tracker.connections) == (["/", "/child", "/parent"], 2)
