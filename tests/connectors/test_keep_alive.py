"""HTTP keep-alive: connections are reused, and a broken one is replaced."""

import os
from collections.abc import Callable, Iterator
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
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def send(self, method: http.Method, path: str, client: HttpClient | None = None) -> int:
        """Send a request to this server and return the status of the reply."""
        client = client or HttpClient()
        return client.send(method, self.url + path, authorization=None, json={} if method == "POST" else None).status


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
        self.server.requests.append((self.command, self.path, self.headers["Cookie"]))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._served += 1
        if self.path == "/breaks-when-reused" and self._served > 1:
            self.close_connection = True
            return
        body = b"x" * 500_000 if self.path == "/large" else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=1")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/closes"

    do_POST = do_GET  # noqa: N815 - http.server chooses by this name


@pytest.fixture
def tracker() -> Iterator[_Tracker]:
    """Yield a running server; the thread's sessions are new."""
    http._sessions.__init__()  # type: ignore[misc]  # as a new thread begins
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
    assert [cookie for _, _, cookie in tracker.requests] == [None, None]


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


def test_a_write_is_never_sent_again(tracker: _Tracker) -> None:
    """Nobody knows whether the server carried it out."""
    assert tracker.send("POST", "/breaks-when-reused") == 200
    with pytest.raises(Unavailable):
        tracker.send("POST", "/breaks-when-reused")
    assert len(tracker.requests) == 2


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


def test_a_forked_process_makes_its_own_connection(tracker: _Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that write to one connection would read each other's replies."""
    tracker.send("GET", "/")
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    tracker.send("GET", "/")
    assert tracker.connections == 2
