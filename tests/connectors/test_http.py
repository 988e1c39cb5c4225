"""Calls to trackers: what each answer means, and what never happens."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_bytes
from threading import Event, Thread

import pytest
import requests
import responses

from connectors.http import Answer, Http
from connectors.replies import Reply, judge
from sync_service.domain.connectors import ConnectorError, Gone, Refused, Rejected, Unavailable

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
URL = "https://tracker.example/issue/1"
ELSEWHERE = "https://elsewhere.example/issue/1"


@pytest.fixture
def tracker() -> Iterator[responses.RequestsMock]:
    """Stand in for a tracker; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def get(http: Http | None = None) -> Answer:
    """Call as a connector does."""
    return (http or Http(now=lambda: NOW)).get(URL, authorization="Bearer token", params={"a": "b"})


def error_of(status: int, headers: dict[str, str] | None = None, body: str = "{}") -> ConnectorError:
    """Give the error that such an answer raises."""
    with responses.RequestsMock() as mock:
        mock.get(URL, status=status, headers=headers, body=body)
        with pytest.raises(ConnectorError) as caught:
            get()
    return caught.value


def test_an_answer_is_read_as_json(tracker: responses.RequestsMock) -> None:
    """Credentials, parameters and our name go out; the object comes back."""
    tracker.get(URL, json={"id": 1})
    assert get() == Answer(f"{URL}?a=b", {"id": 1})
    sent = tracker.calls[0].request.headers
    assert (sent["Authorization"], sent["User-Agent"], sent["Accept"]) == (
        "Bearer token",
        "okr-sync",
        "application/json",
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (400, Rejected), (422, Rejected), (418, Rejected),
     (408, Unavailable), (500, Unavailable), (502, Unavailable), (503, Unavailable)],
)  # fmt: skip
def test_a_status_says_what_to_do(status: int, error: type[ConnectorError]) -> None:
    """Each status belongs to exactly one error, and the message names the host."""
    found = error_of(status)
    assert type(found) is error
    assert "tracker.example" in str(found)
    assert getattr(found, "retry_at", None) is None


@pytest.mark.parametrize(("status", "proven"), [(404, False), (410, True)])
def test_only_410_proves_that_something_is_gone(status: int, proven: bool) -> None:  # noqa: FBT001  a table's column
    """A 404 may hide what is there."""
    found = error_of(status)
    assert isinstance(found, Gone)
    assert found.proven is proven


AT_NINE = str(int(datetime(2026, 10, 5, 12, 9, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, 60),
        (429, {"Retry-After": "7"}, 7),
        (429, {"Retry-After": "Mon, 05 Oct 2026 12:00:30 GMT"}, 30),
        (429, {"Retry-After": "Mon, 05 Oct 2026 11:00:00 GMT"}, 0),
        (429, {"Retry-After": "soon"}, 60),
        (429, {"Retry-After": "99999999999999"}, 7 * 86400),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, 540),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE, "Retry-After": "9"}, 9),
        (429, {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": AT_NINE}, 60),
        (429, {"X-RateLimit-Reset": "2026-10-05T12:02:00Z"}, 120),
        (429, {"X-RateLimit-Reset": "2026-10-05T12:02"}, 60),
        (429, {"X-RateLimit-Reset": "9" * 30}, 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, 540),
        (403, {"Retry-After": "61", "X-RateLimit-Remaining": "4000"}, 61),
        (503, {"Retry-After": "20"}, 20),
    ],
)
def test_patience_is_obeyed_exactly(status: int, headers: dict[str, str], seconds: int) -> None:
    """Retry-After first, then the reset of a used-up limit, else a minute."""
    found = error_of(status, headers)
    assert isinstance(found, Unavailable)
    assert found.retry_at == NOW + timedelta(seconds=seconds)


def test_github_s_secondary_limit_may_speak_in_words_alone() -> None:
    """A 403 without any header is a limit where its message says so; the minute is our guess."""
    found = error_of(403, body='{"message": "You have exceeded a secondary rate limit."}')
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (NOW + timedelta(seconds=60), True)


@pytest.mark.parametrize(
    "told",
    [{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, {"Retry-After": "Mon, 05 Oct 2026 12:09:00 GMT"}],
)
def test_a_time_is_meant_by_the_tracker_s_clock(told: dict[str, str]) -> None:
    """Which says what it shows: ours may be off."""
    found = error_of(429, {**told, "Date": "Mon, 05 Oct 2026 12:08:00 GMT"})
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (NOW + timedelta(minutes=1), False)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "search"}, "token/search"),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Resource": "search", "Retry-After": "9"}, "token"),
        ({"X-RateLimit-Remaining": "0"}, "token"),
        ({}, "token"),
    ],
)
def test_a_limit_holds_for_a_resource_or_for_the_whole_credential(headers: dict[str, str], part: str) -> None:
    """What is used up is the one, what is asked too fast the other; without a credential it is all we know."""
    reply = Reply(URL, status=429, headers=headers, body=b"")
    for holder, expected in (("token", part), ("", "")):
        with pytest.raises(Unavailable) as caught:
            judge(reply, now=NOW, holder=holder)
        assert caught.value.part == expected


def test_a_question_is_posted_and_redirected_as_it_is(tracker: responses.RequestsMock) -> None:
    """Only by a status that keeps method and body; any other is left to whoever asked."""
    other = "https://tracker.example/issue/2"
    tracker.post(URL, status=307, headers={"Location": other})
    tracker.post(other, status=301, headers={"Location": URL})
    reply = Http().send("POST", URL, authorization="Bearer token", json={"query": "{}"})
    assert (reply.url, reply.status) == (other, 301)
    assert [call.request.body for call in tracker.calls] == [b'{"query": "{}"}'] * 2


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"a": NaN}', "[" * 100_000])
def test_an_unreadable_answer_is_rejected(body: str) -> None:
    """A login page is not an issue."""
    found = error_of(200, body=body)
    assert isinstance(found, Rejected)
    assert "tracker.example answers with something unreadable" in str(found)


@pytest.mark.parametrize(
    "trouble",
    [
        requests.exceptions.ConnectTimeout("…"),
        requests.exceptions.ReadTimeout("…"),
        requests.exceptions.ConnectionError("…"),
        requests.exceptions.ChunkedEncodingError("…"),
    ],
)
def test_a_silent_tracker_is_unavailable(trouble: Exception, tracker: responses.RequestsMock) -> None:
    """Timeouts and broken connections pass; our own backoff decides when."""
    tracker.get(URL, body=trouble)
    with pytest.raises(Unavailable, match=r"tracker\.example does not answer") as caught:
        get()
    assert caught.value.retry_at is None


def test_a_redirect_on_the_same_host_is_followed(tracker: responses.RequestsMock) -> None:
    """The answer tells where it came from."""
    tracker.get(URL, status=301, headers={"Location": "/issue/2"})
    tracker.get("https://tracker.example/issue/2", json={"id": 2})
    assert get() == Answer("https://tracker.example/issue/2", {"id": 2})


@pytest.mark.parametrize(
    "target",
    [ELSEWHERE, "http://tracker.example/issue/1", "https://tracker.example:8443/issue/1", "//elsewhere.example/", "",
     "https://tracker.example@elsewhere.example/", "https://tracker.example:x/", "https://["],
)  # fmt: skip
def test_a_redirect_to_another_host_is_refused(target: str, tracker: responses.RequestsMock) -> None:
    """Scheme, host and port must all be the same; nothing is sent there."""
    tracker.get(URL, status=302, headers={"Location": target})
    with pytest.raises(Refused, match="where credentials must not go"):
        get()
    assert len(tracker.calls) == 1


def test_of_a_foreign_redirect_the_host_alone_is_named(tracker: responses.RequestsMock) -> None:
    """Its path and query may hold keys, or names of issues."""
    tracker.get(URL, status=302, headers={"Location": "https://ana:pw@elsewhere.example/SECRET-1?token=hush#part"})
    with pytest.raises(Refused) as caught:
        get()
    assert str(caught.value) == "tracker.example redirects to elsewhere.example, where credentials must not go"


def test_a_circle_of_redirects_ends(tracker: responses.RequestsMock) -> None:
    """Three redirects are enough for anybody."""
    tracker.get(URL, status=301, headers={"Location": URL})
    with pytest.raises(Rejected, match="in a circle"):
        get()
    assert len(tracker.calls) == 4


def test_an_answer_is_bounded_in_size(tracker: responses.RequestsMock) -> None:
    """More than the limit is not even kept."""
    tracker.get(URL, body=b"x" * 2000)
    with pytest.raises(Rejected, match="more than 1000 bytes"):
        get(Http(most_bytes=1000))


def test_an_answer_is_bounded_in_time(tracker: responses.RequestsMock) -> None:
    """A trickle that never stalls ends all the same."""
    tracker.get(URL, body=b"x" * 2000)
    with pytest.raises(Unavailable, match="too slow"):
        get(Http(whole_seconds=-1))


class _Trickle(BaseHTTPRequestHandler):
    """Answers a byte at a time, for ten seconds: by a length told before, in chunks, or packed."""

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
        with suppress(OSError):  # cut off, as it should be
            for number in range(len(body)):
                one = body[number : number + 1]
                self.wfile.write(b"1\r\n" + one + b"\r\n" if chunked else one)
                self.nothing.wait(0.01)
                if number > len(body) // 2:
                    self.went_on.set()

    log_message: Callable[..., None] = staticmethod(lambda *_: None)


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_a_trickle_is_cut_off_while_it_goes_on(form: str) -> None:
    """Each byte comes long before the time for a read is over."""
    _Trickle.went_on.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Trickle) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(Unavailable, match="too slow"):
                Http(whole_seconds=0.2).get(f"http://127.0.0.1:{server.server_port}/{form}", authorization=None)
            assert not _Trickle.went_on.is_set()
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
def test_an_answer_that_breaks_off_is_unavailable(encoding: dict[str, str], tracker: responses.RequestsMock) -> None:
    """By less than was told, or by what can't be unpacked."""
    tracker.get(
        URL, body=b'{"id": 1}', headers={"Content-Length": "2000", **encoding}, auto_calculate_content_length=False
    )
    with pytest.raises(Unavailable, match="does not answer"):
        get()


@pytest.mark.parametrize("url", ["nothing", "ftp://tracker.example/", "https:///", "https://[/"])
def test_a_site_that_is_no_web_address_is_rejected(url: str) -> None:
    """A mistyped site says so."""
    with pytest.raises(Rejected, match="not a web address"):
        Http().get(url, authorization=None)


@pytest.mark.parametrize("authorization", ["Bearer a\nb", "Bearer tök", "Bearer \ud800"])
def test_a_token_with_stray_characters_is_refused(authorization: str) -> None:
    """A line break pasted along must not become a header."""
    with pytest.raises(Refused, match="characters that no token has"):
        Http().get(URL, authorization=authorization)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str | None]]]:
    """Serve an empty object on loopback and keep the Authorization headers that came."""
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


def test_this_machine_is_reached_without_a_proxy(
    listener: tuple[str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy set for the outside world knows nothing of a tracker on loopback."""
    url, seen = listener
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert Http().get(url, authorization="Bearer ours").body == {}
    assert seen == ["Bearer ours"]


@pytest.mark.parametrize("ours", [None, "Bearer ours"])
def test_passwords_in_netrc_are_left_alone(
    ours: str | None, tracker: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests library would send them of its own accord, and in place of ours."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ana password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    tracker.get(URL, json={})
    Http().get(URL, authorization=ours)
    assert tracker.calls[0].request.headers.get("Authorization") == ours
