"""Absurd values in headers of trackers: none is an error of ours, or blocks calls for long."""

import contextlib
import socket
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from requests.structures import CaseInsensitiveDict

from connectors.github.doctor.connection import _is_older
from connectors.http import HttpClient
from connectors.jira.api.rate_limits import raise_for_jira_response
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.connector import ConnectorError, Unavailable

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ABSURD = (
    "", "0", "-1", "1e9", "9" * 30, "9" * 5000, "5.5", "nan", "inf",
    "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}",
    "Wed, 21 Oct 2015 07:28:00 +99999999999999999999", "Wed, 21 Oct 2015 07:28:00 +9999",
    "Wed, 21 Oct 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Wed, 99 Oct 2015 07:28:00 GMT",
    "Wed, 21 Oct 99999999999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", "2026-11-30", "x" * 5000, "/" * 200, "120, 60", "true",
)  # fmt: skip
NAMES = (
    "Retry-After", "Date", "X-RateLimit-Reset", "X-RateLimit-Remaining", "X-RateLimit-Resource",
    "X-RateLimit-Interval-Seconds", "RateLimit-Reason", "Link", "Content-Type",
)  # fmt: skip


@pytest.mark.parametrize("status", [403, 429, 503])
@pytest.mark.parametrize("name", NAMES)
def test_an_absurd_header_of_a_rate_limit_blocks_for_a_week_at_most(name: str, status: int) -> None:
    """And the bucket that waits has a name that can be stored."""
    for value in ABSURD:
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "core", name: value}
        reply = Response("https://x.example/y", status=status, headers=CaseInsensitiveDict(headers), body=b"{}")
        of_github = partial(raise_for_response, bucket_owner="installation 7")
        for check in (of_github, partial(raise_for_jira_response, bucket="writing/20012")):
            with pytest.raises(ConnectorError) as caught:
                check(reply, now=NOW)
            if isinstance(caught.value, Unavailable):
                ends = caught.value.retry_at or NOW
                assert NOW <= ends <= NOW + timedelta(days=7)
                assert len(caught.value.bucket) <= 100


@pytest.mark.parametrize("value", ["9" * 5000 + ".1", "3." + "9" * 5000, "3", "x.y", "", "\N{SUPERSCRIPT TWO}.1"])
def test_an_absurd_version_of_a_server_says_nothing_about_its_age(value: str) -> None:
    """Long numbers can't even be read."""
    headers = CaseInsensitiveDict({"X-GitHub-Enterprise-Version": value})
    assert not _is_older(Response("https://x.example", status=200, headers=headers, body=b""))
    for version, older in (("3.19.1", True), ("3.2", True), ("2.22.0", True), ("3.20.0", False), ("4.0", False)):
        headers = CaseInsensitiveDict({"X-GitHub-Enterprise-Version": version})
        assert _is_older(Response("https://x.example", status=200, headers=headers, body=b"")) is older


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -5", "Content-Length: x", "Content-Length: 5, 7", "Content-Length: " + "9" * 4000,
        "Content-Length: " + "9" * 5000, "Content-Length: 2\r\nContent-Length: 3",
        "Content-Encoding: gzip\r\nContent-Length: 2",
        "Transfer-Encoding: chunked", "\r\n".join(f"X-{number}: x" for number in range(300)), "X: " + "x" * 100_000,
    ],
)  # fmt: skip
def test_a_reply_whose_head_is_absurd_is_read_or_unavailable(head: str) -> None:
    """It may come from a proxy that is broken."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n\r\n{{}}".encode())

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with contextlib.suppress(Unavailable):
            assert HttpClient().get(f"http://127.0.0.1:{server.getsockname()[1]}/x", authorization=None).body == {}
    finally:
        thread.join()
        server.close()
