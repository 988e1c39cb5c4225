"""The address that the web process listens on, IPv4 and IPv6, and the URL that leads to it."""

import socket
import time

EVERY_IPV4 = "0.0.0.0"  # noqa: S104  # a platform that sets PORT connects from outside this machine
EVERY_ADDRESS = "::"
RETRY_SECONDS = 0.1


def all_interfaces() -> str:
    """Return "::" where one socket takes IPv6 and IPv4; "0.0.0.0" on a machine or in a container without IPv6."""
    try:
        bind(EVERY_ADDRESS, 0).close()
    except OSError:
        return EVERY_IPV4
    return EVERY_ADDRESS


def bind(host: str, port: int, *, seconds: float = 0.0) -> socket.socket:
    """Return a socket that is bound and does not listen yet; port 0 takes a free one.

    Try again for so many `seconds` while another process has the port, then raise `OSError`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _bind_once(unbracketed(host), port)
        except OSError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_SECONDS)


def _bind_once(host: str, port: int) -> socket.socket:
    is_ipv6 = ":" in host
    bound = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:  # otherwise the system's setting decides whether "::" takes IPv4 too
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def local_url(host: str, port: int) -> str:
    """Return the URL by which this machine reaches a server that listens there."""
    plain = unbracketed(host)
    shown = "127.0.0.1" if plain in {EVERY_IPV4, EVERY_ADDRESS} else plain
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def unbracketed(host: str) -> str:
    """Return an IPv6 address without the brackets that it has in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host
