"""Limits of calls from pages: time, number, and allowed addresses."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sync_service.domain.trackers.connector import Refused, Unavailable
from sync_service.ingest.rejected_counter import RejectedCounter
from sync_service.web.connections.bounded_calls import MAX_CONCURRENT, call_with_timeout
from sync_service.web.connections.new import addresses_in
from sync_service.web.connections.site_check import BadSite, check_site
from tests.support.wait_until import until

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Yield an event for calls to wait on, and set it at the end."""
    event = threading.Event()
    yield event
    event.set()
    until(lambda: not any(one.name == "a call for a page" for one in threading.enumerate()), "no call is left")


def test_a_result_or_an_error_is_passed_through() -> None:
    """The caller sees the same as without the timeout."""
    assert call_with_timeout(lambda: 7) == 7

    def refuse() -> None:
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        call_with_timeout(refuse)


def test_a_slow_call_times_out(stuck: threading.Event) -> None:
    """Its result is dropped."""
    began = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer within"):
        call_with_timeout(stuck.wait, seconds=0.05)
    assert time.monotonic() - began < 5


def test_the_number_of_concurrent_calls_is_limited(stuck: threading.Event) -> None:
    """Calls that timed out count until they end."""
    for _ in range(MAX_CONCURRENT):
        with pytest.raises(Unavailable, match="does not answer"):
            call_with_timeout(stuck.wait, seconds=0.01)
    with pytest.raises(Unavailable, match="too many calls"):
        call_with_timeout(lambda: 7, seconds=0.01)
    stuck.set()
    assert until(lambda: call_with_timeout(lambda: 7), "there is room again") == 7


def test_a_call_gives_its_slot_back_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an error, or because no thread can be started for it."""

    def refuse() -> None:
        raise Refused("no")

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    for _ in range(2 * MAX_CONCURRENT):
        with pytest.raises(Refused, match="no"):
            call_with_timeout(refuse)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(Unavailable, match="try again in a moment"):
                call_with_timeout(lambda: 7, seconds=0.01)
    assert call_with_timeout(lambda: 7) == 7


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        (["8.8.8.8"], True),
        (["2001:4860:4860::8888"], True),
        (["8.8.8.8", "10.0.0.1"], False),
        (["10.0.0.1"], False),
        (["100.64.0.1"], False),
        (["169.254.169.254"], False),
        (["0.0.0.0"], False),  # noqa: S104 - an address that a name may lead to
        (["224.0.0.1"], False),
        (["fd00::1"], False),
        (["fe80::1%eth0"], False),
        (["::ffff:10.0.0.1"], False),
        (["127.0.0.1"], False),
        (["64:ff9b::8.8.8.8"], True),
        (["64:ff9b::10.0.0.1"], False),
        (["64:ff9b:1::8.8.8.8"], False),
        (["2002:a00:1::1"], False),
        (["2002:808:808::1"], False),
        (["::10.0.0.1"], False),
        (["fec0::1"], False),
    ],
)
def test_a_host_is_allowed_only_if_all_its_addresses_are(
    monkeypatch: pytest.MonkeyPatch, *, addresses: list[str], allowed: bool
) -> None:
    """The service's own address is public here."""

    def resolve(host: str, *_rest: Any, **_more: Any) -> list[Any]:
        given = ["8.8.4.4"] if host == "okr.example.com" else addresses
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in given]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        check_site("https://git.example.com/api/v3", base_url="https://okr.example.com", allow_private=False)
    except BadSite:
        assert not allowed
    else:
        assert allowed
    check_site("https://git.example.com/api/v3", base_url="https://okr.example.com", allow_private=True)


def test_http_is_allowed_only_to_this_machine() -> None:
    """The service itself must be on loopback, or the operator must allow private sites."""
    check_site("http://127.0.0.1:9", base_url=HERE, allow_private=False)
    check_site("http://127.0.0.1:9", base_url="https://203.0.113.9", allow_private=True)
    with pytest.raises(BadSite, match="is this machine"):
        check_site("http://127.0.0.1:9", base_url="https://203.0.113.9", allow_private=False)
    with pytest.raises(BadSite, match="https://"):
        check_site("http://10.0.0.1", base_url=HERE, allow_private=True)


def test_the_check_works_if_the_services_own_name_is_not_resolvable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name may be known only outside. Then this machine is not allowed."""
    known = {"git.example.com": "8.8.8.8", "localhost": "127.0.0.1"}

    def resolve(host: str, *_rest: Any, **_more: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    check_site("https://git.example.com", base_url="https://okr.example.com", allow_private=False)
    with pytest.raises(BadSite, match="is this machine"):
        check_site("https://localhost", base_url="https://okr.example.com", allow_private=False)
    with pytest.raises(BadSite, match="is it spelled correctly"):
        check_site("https://nowhere.example.com", base_url=HERE, allow_private=False)


@pytest.mark.parametrize(
    "site",
    [
        r"https://10.0.0.1\x.example.com",
        r"https://8.8.8.8\@10.0.0.1",
        "https://10.0.0.1%2f.example.com",
        "https://@8.8.8.8",
        "https://:@8.8.8.8",
        "https://ana:secret@8.8.8.8",
        "https://8.8.8.8;x",
        r"https:\\10.0.0.1",
        "https://8\N{IDEOGRAPHIC FULL STOP}8.8.8",
    ],
)
def test_an_ambiguous_address_is_refused_before_any_lookup(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    """Parsers differ in what they take for the host."""

    def resolve(*_rest: Any, **_more: Any) -> list[Any]:
        raise AssertionError("this host must not be resolved")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(BadSite, match="an address"):
        check_site(site, base_url=HERE, allow_private=True)
    assert list(addresses_in({"api_site": site, "points_field": "Points: all"})) == ["api_site"]


def test_rejected_deliveries_are_written_at_most_once_a_second() -> None:
    """The counter limits each connection on its own."""
    written: list[tuple[int, int]] = []

    def write(connection_id: int, *, count: int, at: Any) -> None:
        del at
        written.append((connection_id, count))

    counter = RejectedCounter(write)
    for _ in range(100):
        counter.add(1, at=None)  # type: ignore[arg-type]  # it is only passed on
    counter.add(2, at=None)  # type: ignore[arg-type]  # as above
    assert written == [(1, 1), (2, 1)]
    counter._written_at.clear()
    counter.add(1, at=None)  # type: ignore[arg-type]  # as above
    assert written[-1] == (1, 100)
