"""The address to listen on: both families where the machine has them."""

import errno
import socket
from typing import Any

import pytest

from config.listening import all_interfaces, bind, local_url
from config.settings import read_settings
from tests.support.skip_guard import NO_IPV6, has_ipv6

without_ipv6 = pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)


@without_ipv6
def test_a_port_set_by_a_platform_is_open_on_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """One socket takes both, whatever the system's own setting; it only binds here and never listens."""
    monkeypatch.setenv("PORT", "5000")
    assert read_settings().host == "::"
    with bind("::", 0) as bound:
        assert bound.family is socket.AF_INET6
        assert bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0


class SocketWithoutIPv6(socket.socket):
    """A socket of a container without IPv6: it can't be created, or not be bound."""

    fails_at = "create"

    def __init__(self, family: int = -1, *rest: Any, **more: Any) -> None:
        if family == socket.AF_INET6 and self.fails_at == "create":
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(socket.AF_INET if family == socket.AF_INET6 else family, *rest, **more)
        self._is_ipv6 = family == socket.AF_INET6

    def setsockopt(self, level: int, *rest: Any) -> None:
        """Set an option; the socket is an IPv4 one, so IPv6's are left out."""
        if level != socket.IPPROTO_IPV6:
            super().setsockopt(level, *rest)

    def bind(self, address: Any) -> None:
        """Bind to an IPv4 address only."""
        if self._is_ipv6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        super().bind(address)


@pytest.mark.parametrize("fails_at", ["create", "bind"])
def test_a_container_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch, fails_at: str) -> None:
    """A machine without IPv6 starts all the same."""
    monkeypatch.setattr(SocketWithoutIPv6, "fails_at", fails_at)
    monkeypatch.setattr(socket, "socket", SocketWithoutIPv6)
    monkeypatch.setenv("PORT", "5000")
    assert all_interfaces() == read_settings().host == "0.0.0.0"  # noqa: S104  # what is tested


@without_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_alone_does_not_take_ipv4(host: str) -> None:
    """An address given by somebody is the only one."""
    with bind(host, 0) as bound:
        bound.listen()
        port = bound.getsockname()[1]
        with socket.socket() as visitor:
            assert visitor.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
        with socket.socket(socket.AF_INET6) as visitor:
            assert visitor.connect_ex(("::1", port)) == 0


def test_a_port_that_another_process_has_is_refused() -> None:
    """The error has the number by which the reason is known."""
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(OSError, match="in use") as refused:
            bind("127.0.0.1", taken.getsockname()[1])
    assert refused.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104  # nothing listens
        ("::", "http://127.0.0.1:80"),
        ("[::]", "http://127.0.0.1:80"),
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("192.0.2.7", "http://192.0.2.7:80"),
        ("localhost", "http://localhost:80"),
        ("::1", "http://[::1]:80"),
        ("[2001:db8::1]", "http://[2001:db8::1]:80"),
    ],
)
def test_the_printed_link_leads_to_where_the_service_listens(host: str, url: str) -> None:
    """An IPv6 address has brackets in a link."""
    assert local_url(host, 80) == url
