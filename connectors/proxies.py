"""The proxy that the environment names for calls to trackers: refuse one that is no address, without showing it."""

from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from connectors.responses import shown_host
from sync_service.domain.trackers.connector import Unavailable

BY_PROXY = "can't be reached by way of the proxy of HTTPS_PROXY or HTTP_PROXY"
FORM = "write it as http://USER:PASSWORD@HOST:PORT, and in user and password @ as %40, : as %3A, / as %2F and % as %25"


def require_usable_proxy(site: str) -> None:
    """Raise `Unavailable` when the proxy for a site can't be used. requests would blame the site, or fail itself."""
    try:
        proxy = select_proxy(site, get_environ_proxies(site))
    except ValueError:  # the site is no address, which requests says itself
        return
    if proxy and not _is_usable(proxy):
        raise Unavailable(f"{shown_host(site)} {BY_PROXY}, which is no address of an HTTP proxy; {FORM}")


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy or "@" in proxy else f"http://{proxy}")
        has_server = bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or a bracket is missing
        return False
    is_plain = " " not in parts.netloc and "@" not in parts.path + parts.query + parts.fragment
    return parts.scheme in {"http", "https"} and has_server and is_plain
