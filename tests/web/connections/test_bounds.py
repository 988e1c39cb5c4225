"""What keeps pages from waiting long, and from calling where they must not."""

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
    """Give an event on which calls wait, and let them go at the end."""
    event = threading.Event()
    yield event
    event.set()
    until(lambda: not any(one.name == "a call for a page" for one in threading.enumerate()), "no call is left")


def test_an_answer_and_an_error_come_as_they_are() -> None:
    """As if nobody stood between."""
    assert call_with_timeout(lambda: 7) == 7

    def refuse() -> None:
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        call_with_timeout(refuse)


def test_what_takes_long_is_left_alone(stuck: threading.Event) -> None:
    """Its answer goes to nobody."""
    began = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer within"):
        call_with_timeout(stuck.wait, seconds=0.05)
    assert time.monotonic() - began < 5


def test_no_more_than_a_few_calls_are_under_way(stuck: threading.Event) -> None:
    """Those that nobody waits for any more count too."""
    for _ in range(MAX_CONCURRENT):
        with pytest.raises(Unavailable, match="does not answer"):
            call_with_timeout(stuck.wait, seconds=0.01)
    with pytest.raises(Unavailable, match="too many calls"):
        call_with_timeout(lambda: 7, seconds=0.01)
    stuck.set()
    assert until(lambda: call_with_timeout(lambda: 7), "there is room again") == 7


@pytest.mark.parametrize(
    ("addresses", "taken"),
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
def test_a_name_is_judged_by_every_address_it_leads_to(
    monkeypatch: pytest.MonkeyPatch, *, addresses: list[str], taken: bool
) -> None:
    """Whatever it looks like, and by the service's own address, which is public here."""

    def found(host: str, *_rest: Any, **_more: Any) -> list[Any]:
        given = ["8.8.4.4"] if host == "okr.example.com" else addresses
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in given]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    try:
        check_site("https://git.example.com/api/v3", base_url="https://okr.example.com", allow_private=False)
    except BadSite:
        assert not taken
    else:
        assert taken
    check_site("https://git.example.com/api/v3", base_url="https://okr.example.com", allow_private=True)


def test_without_tls_only_this_machine_is_called() -> None:
    """And only where the service itself is reached there, or the operator allows it."""
    check_site("http://127.0.0.1:9", base_url=HERE, allow_private=False)
    check_site("http://127.0.0.1:9", base_url="https://203.0.113.9", allow_private=True)
    with pytest.raises(BadSite, match="is this machine"):
        check_site("http://127.0.0.1:9", base_url="https://203.0.113.9", allow_private=False)
    with pytest.raises(BadSite, match="https://"):
        check_site("http://10.0.0.1", base_url=HERE, allow_private=True)


def test_a_service_that_can_not_find_itself_connects_trackers_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own name may be known outside alone. This machine is not taken then."""
    known = {"git.example.com": "8.8.8.8", "localhost": "127.0.0.1"}

    def found(host: str, *_rest: Any, **_more: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
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
def test_an_address_that_is_read_in_two_ways_is_not_taken(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    """Whichever reader is right: nobody is even asked where its host is."""

    def found(*_rest: Any, **_more: Any) -> list[Any]:
        raise AssertionError("nobody has to look for this host")

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(BadSite, match="an address"):
        check_site(site, base_url=HERE, allow_private=True)
    assert list(addresses_in({"api_site": site, "points_field": "Points: all"})) == ["api_site"]


def test_forgeries_are_written_seldom_however_many_come() -> None:
    """One process writes once a second at most; a database that is away changes nothing."""
    written: list[tuple[int, int]] = []

    def note(connection_id: int, *, count: int, at: Any) -> None:
        del at
        written.append((connection_id, count))

    forgeries = RejectedCounter(note)
    for _ in range(100):
        forgeries.add(1, at=None)  # type: ignore[arg-type]  # it only goes through
    forgeries.add(2, at=None)  # type: ignore[arg-type]  # as above
    assert written == [(1, 1), (2, 1)]
    forgeries._written_at.clear()
    forgeries.add(1, at=None)  # type: ignore[arg-type]  # as above
    assert written[-1] == (1, 100)
