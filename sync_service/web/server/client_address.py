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
    return given[-hops] if len(given) >= hops > 0 and given[-hops] else peer


@lru_cache(maxsize=4096)
def client_network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    One host may use every address of its /64 network (RFC 6177).
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:LONGEST_ADDRESS]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
