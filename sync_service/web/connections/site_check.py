"""SSRF check of tracker addresses that people type: which of them this service may call.

A person who connects a tracker on a page must not reach our private network through this service. Configuration files
come from the operator and may name any site.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SETTING = "OKR_SYNC_ALLOW_PRIVATE_SITES"

LONGEST = 500

_PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+", re.ASCII)
"""Hosts that all URL parsers read the same; with a backslash, for example, they disagree about where the host ends."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a NAT64 translator, for networks without IPv4: RFC 6052."""

_MAYBE_PRIVATE = tuple(ipaddress.IPv6Network(one) for one in ("::/96", "2002::/16", "64:ff9b:1::/48", "fec0::/10"))
"""Addresses that may lead into a private network but are not listed as private: RFC 4291, 3056, 8215 and 3879."""


class BadSite(ValueError):
    """The address is not accepted; the message says what is allowed, or which setting to change."""


def check_site(site: str, *, base_url: str, allow_private: bool, resolve: bool = True) -> None:
    """Raise `BadSite` for a site that must not be called; resolves its host by DNS.

    Without `resolve` only addresses in digits and localhost are checked: for a connection without credentials, which
    calls nobody. Check again before it gets some.
    Loopback addresses are accepted when the service itself runs at one, as in a trial.
    """
    scheme, host = _parse(site)
    found = _addresses(host) if resolve else _literal(host)
    loopback = bool(found) and all(one.is_loopback for one in found)
    if scheme != "https" and not loopback:
        raise BadSite("an address that begins with https://")
    if loopback and not allow_private and not _is_here(base_url):
        raise BadSite(f"{host} is this machine. If a tracker runs here, set {SETTING}=true and restart")
    if not loopback and not allow_private and not all(_is_public(one) for one in found):
        raise BadSite(
            f"{host} is in a private network. The operator of this service can allow it: set {SETTING}=true and "
            "restart, or name it in a configuration file"
        )


def _parse(site: str) -> tuple[str, str]:
    try:
        url = urlsplit(site)
        complete = bool(url.hostname) and url.port != 0
    except ValueError:
        complete = False
    if not complete or len(site) > LONGEST or not site.isprintable() or " " in site:
        raise BadSite("an address that begins with https://")
    if url.scheme not in ("https", "http"):
        raise BadSite("an address that begins with https://")
    if "@" in url.netloc or url.query or url.fragment:
        raise BadSite("an address without user, ? or #")
    if not _PLAIN_HOST.fullmatch(url.netloc):
        raise BadSite("an address whose host has only letters a to z, digits, dots and hyphens (others as xn--)")
    return url.scheme, url.hostname or ""


def _is_here(base_url: str) -> bool:
    """Return whether the service's own address says loopback: `localhost` or a loopback address, without resolving.

    Whoever controls a name could let it lead to this machine for a moment.
    """
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _addresses(host: str) -> list[Address]:
    """Return all addresses of a host. Raise `BadSite` when it can't be resolved."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadSite(f"{host[:100]} can't be found: is it spelled correctly?") from None
    return list(_plain(str(one[4][0]) for one in found))


def _literal(host: str) -> list[Address]:
    """Return the address that a host is in digits, or as localhost; none for other names."""
    try:
        return list(_plain([host]))
    except ValueError:
        return [ipaddress.IPv4Address("127.0.0.1")] if host == "localhost" or host.endswith(".localhost") else []


def _plain(written: Iterable[str]) -> Iterable[Address]:
    for one in written:
        address = ipaddress.ip_address(one.partition("%")[0])
        yield getattr(address, "ipv4_mapped", None) or address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in one for one in _MAYBE_PRIVATE):
            return False
    return address.is_global and not address.is_multicast
