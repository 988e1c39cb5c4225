"""HTTP errors: timeouts, redirects, broken and endless responses, invalid URLs, proxies."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_bytes
from threading import Event, Thread

import pytest
import requests
import responses

from connectors.http import HttpClient, JsonResponse
from sync_service.domain.trackers.connector import Refused, Rejected, Unavailable
from tests.connectors.fake_http import URL, get

ELSEWHERE = "https://elsewhere.example/issue/1"


@pytest.mark.parametrize(
    "trouble",
    [
        requests.exceptions.ConnectTimeout("…"),
        requests.exceptions.ReadTimeout("…"),
        requests.exceptions.ConnectionError("…"),
        requests.exceptions.ChunkedEncodingError("…"),
    ],
)
def test_a_silent_tracker_is_unavailable(trouble: Exception, mock: responses.RequestsMock) -> None:
    """Timeouts and broken connections are temporary; our backoff decides on the retry."""
    mock.get(URL, body=trouble)
    with pytest.raises(Unavailable, match=r"tracker\.example does not answer") as caught:
        get()
    assert caught.value.retry_at is None


def test_a_redirect_on_the_same_host_is_followed(mock: responses.RequestsMock) -> None:
    """The response has its final URL."""
    mock.get(URL, status=301, headers={"Location": "/issue/2"})
    mock.get("https://tracker.example/issue/2", json={"id": 2})
    assert get() == JsonResponse("https://tracker.example/issue/2", {"id": 2})


@pytest.mark.parametrize(
    "target",
    [ELSEWHERE, "http://tracker.example/issue/1", "https://tracker.example:8443/issue/1", "//elsewhere.example/", "",
     "https://tracker.example@elsewhere.example/", "https://tracker.example:x/", "https://["],
)  # fmt: skip
def test_a_redirect_to_another_host_is_refused(target: str, mock: responses.RequestsMock) -> None:
    """Scheme, host and port must be the same; nothing is sent to another host."""
    mock.get(URL, status=302, headers={"Location": target})
    with pytest.raises(Refused, match="a host that must not get our credentials"):
        get()
    assert len(mock.calls) == 1


def test_an_error_about_a_foreign_redirect_names_only_the_host(mock: responses.RequestsMock) -> None:
    """Path and query may have keys, or names of issues."""
    mock.get(URL, status=302, headers={"Location": "https://ana:pw@elsewhere.example/SECRET-1?token=hush#part"})
    with pytest.raises(Refused) as caught:
        get()
    assert (
        str(caught.value) == "tracker.example redirects to elsewhere.example, a host that must not get our credentials"
    )


def test_a_redirect_loop_ends(mock: responses.RequestsMock) -> None:
    """Three redirects are allowed."""
    mock.get(URL, status=301, headers={"Location": URL})
    with pytest.raises(Rejected, match="in a loop"):
        get()
    assert len(mock.calls) == 4


def test_the_size_of_a_response_is_limited(mock: responses.RequestsMock) -> None:
    """More than the limit is not even stored."""
    mock.get(URL, body=b"x" * 2000)
    with pytest.raises(Rejected, match="more than 1000 bytes"):
        get(HttpClient(max_bytes=1000))


def test_the_time_of_a_response_is_limited(mock: responses.RequestsMock) -> None:
    """A slow response that never stalls is cut off too."""
    mock.get(URL, body=b"x" * 2000)
    with pytest.raises(Unavailable, match="too slow"):
        get(HttpClient(total_seconds=-1))


class _Trickle(BaseHTTPRequestHandler):
    """Sends a byte at a time for ten seconds: with a content length, in chunks, or compressed."""

    nothing = Event()
    went_on = Event()

    def do_GET(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        body, chunked = b"x" * 1000, self.path == "/chunked"
        if self.path == "/gzip":
            body = gzip.compress(token_bytes(1000))
            self.send_header("Content-Encoding", "gzip")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))))
        self.end_headers()
        with suppress(OSError):  # cut off, as expected
            for number in range(len(body)):
                one = body[number : number + 1]
                self.wfile.write(b"1\r\n" + one + b"\r\n" if chunked else one)
                self.nothing.wait(0.01)
                if number > len(body) // 2:
                    self.went_on.set()

    log_message: Callable[..., None] = staticmethod(lambda *_: None)


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_a_slow_response_is_cut_off(form: str) -> None:
    """Each byte arrives long before the read timeout."""
    _Trickle.went_on.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Trickle) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(Unavailable, match="too slow"):
                HttpClient(total_seconds=0.2).get(f"http://127.0.0.1:{server.server_port}/{form}", authorization=None)
            assert not _Trickle.went_on.is_set()
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
def test_a_response_that_breaks_off_is_unavailable(encoding: dict[str, str], mock: responses.RequestsMock) -> None:
    """It is shorter than its content length, or can't be decompressed."""
    mock.get(
        URL, body=b'{"id": 1}', headers={"Content-Length": "2000", **encoding}, auto_calculate_content_length=False
    )
    with pytest.raises(Unavailable, match="does not answer"):
        get()


@pytest.mark.parametrize("url", ["nothing", "ftp://tracker.example/", "https:///", "https://[/"])
def test_a_site_that_is_no_url_is_rejected(url: str) -> None:
    """The error says that the site is mistyped."""
    with pytest.raises(Rejected, match="not a web address"):
        HttpClient().get(url, authorization=None)


@pytest.mark.parametrize("authorization", ["Bearer a\nb", "Bearer tök", "Bearer \ud800"])
def test_a_token_with_control_characters_is_refused(authorization: str) -> None:
    """A pasted line break must not become a header."""
    with pytest.raises(Refused, match="contains characters that a token can't have"):
        HttpClient().get(URL, authorization=authorization)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str | None]]]:
    """Serve an empty object on loopback and yield the Authorization headers that arrive."""
    seen: list[str | None] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        log_message: Callable[..., None] = staticmethod(lambda *_: None)

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", seen
        server.shutdown()
        thread.join()


def test_a_tracker_on_this_machine_is_called_without_a_proxy(
    listener: tuple[str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for the internet can't reach a tracker on loopback."""
    url, seen = listener
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert HttpClient().get(url, authorization="Bearer ours").body == {}
    assert seen == ["Bearer ours"]


@pytest.mark.parametrize("authorization", [None, "Bearer ours"])
def test_passwords_in_netrc_are_not_used(
    authorization: str | None, mock: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the requests library would send them, even instead of ours."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ana password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    mock.get(URL, json={})
    HttpClient().get(URL, authorization=authorization)
    assert mock.calls[0].request.headers.get("Authorization") == authorization
