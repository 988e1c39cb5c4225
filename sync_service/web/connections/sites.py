"""Addresses of trackers as people type them: which of them this service may call.

Whoever may connect a tracker on a page must not reach through us what only our network may reach. Files that are
applied are the operator's own word, and may name any site.
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
"""Hosts that every reader of addresses reads alike; a backslash ends one for some and not for others."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Whole IPv4 addresses behind a translator, as networks without IPv4 know them: RFC 6052."""

_WITHIN = tuple(ipaddress.IPv6Network(one) for one in ("::/96", "2002::/16", "64:ff9b:1::/48", "fec0::/10"))
"""Addresses that may lead into a network although they are not listed as private: RFC 4291, 3056, 8215 and 3879."""


class BadSite(ValueError):
    """An address that is not taken; the message says what is allowed, or what to set."""


def check_site(site: str, *, base_url: str, allow_private: bool) -> None:
    """Raise `BadSite` for a site that must not be called; asks the network where its host is.

    Addresses of this machine are taken where the service itself is reached at one, as while trying it out.
    """
    scheme, host = _parts(site)
    found = _addresses(host)
    loopback = all(one.is_loopback for one in found)
    if scheme != "https" and not loopback:
        raise BadSite("an address that begins with https://")
    if loopback and not allow_private and not _is_here(base_url):
        raise BadSite(f"{host} is this machine itself. If a tracker runs here, set {SETTING}=true and start again")
    if not loopback and not allow_private and not all(_is_public(one) for one in found):
        raise BadSite(
            f"{host} is in a private network. Whoever runs this service may allow that: set {SETTING}=true and "
            "start again; a configuration file may name it as it is"
        )


def _parts(site: str) -> tuple[str, str]:
    try:
        parts = urlsplit(site)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or len(site) > LONGEST or not site.isprintable() or " " in site:
        raise BadSite("an address that begins with https://")
    if parts.scheme not in ("https", "http"):
        raise BadSite("an address that begins with https://")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadSite("an address without user, question mark or number sign")
    if not _PLAIN_HOST.fullmatch(parts.netloc):
        raise BadSite("an address whose host has only letters from a to z, digits, dots and hyphens (xn-- for others)")
    return parts.scheme, parts.hostname or ""


def _is_here(base_url: str) -> bool:
    """Tell whether the service is reached at this machine alone; not where its own host can't be found from here."""
    try:
        return all(one.is_loopback for one in _addresses(urlsplit(base_url).hostname or ""))
    except BadSite:
        return False


def _addresses(host: str) -> list[Address]:
    """Give every address of a host; none where it has none. Raises `BadSite` where it can't be found."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadSite(f"{host[:100]} can't be found: is it written right?") from None
    return list(_plain(str(one[4][0]) for one in found))


def _plain(written: Iterable[str]) -> Iterable[Address]:
    for one in written:
        address = ipaddress.ip_address(one.partition("%")[0])
        yield getattr(address, "ipv4_mapped", None) or address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in one for one in _WITHIN):
            return False
    return address.is_global and not address.is_multicast
