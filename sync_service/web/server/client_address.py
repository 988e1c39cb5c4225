"""The address of a client, behind trusted proxies too, and the network that counts as one client."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

LONGEST_ADDRESS = 45
"""Characters of the longest IPv6 address; what a proxy forwards may be any text."""


def client_address(peer: str, forwarded: str, *, hops: int) -> str:
    """Return the address of the client; `forwarded` is the value of `X-Forwarded-For`.

    The last `hops` addresses in it were added by our proxies; all before them may be invented.
    """
    given = [one.strip() for one in forwarded.split(",")] if hops else []
    return unmapped(given[-hops] if len(given) >= hops > 0 and given[-hops] else peer)


def unmapped(address: str) -> str:
    """Return the IPv4 address that a socket for both families shows as `::ffff:…` (RFC 4291); others without a port."""
    bare = _without_port(address)
    return _ipv4_of(bare[:LONGEST_ADDRESS]) or bare


def _without_port(address: str) -> str:
    """Return the address in `192.0.2.1:5678`, `[2001:db8::1]:5678` and `[2001:db8::1]`, as some proxies forward it."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if port.isdecimal() and "." in host else address


def client_network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    One host may use every address of its /64 network (RFC 6177).
    """
    return _network_of(_without_port(address).partition("%")[0][:LONGEST_ADDRESS])


@lru_cache(maxsize=4096)
def _ipv4_of(address: str) -> str | None:
    """Return the IPv4 address inside an IPv6 address, or None."""
    try:
        mapped = IPv6Address(address).ipv4_mapped
    except ValueError:
        return None
    return None if mapped is None else str(mapped)


@lru_cache(maxsize=4096)
def _network_of(address: str) -> str:
    try:
        parsed = ip_address(_ipv4_of(address) or address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)
