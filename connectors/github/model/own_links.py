"""Keep the web addresses of a delivery only where they lead to the connection's own site."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from sync_service.domain.trackers.observations import Observation, Snapshot


def keep_own_links(observations: Iterable[Observation], site: str) -> tuple[Observation, ...]:
    """Return the observations; a snapshot whose address leads to another host than the site's pages has none."""
    host = pages_host(site)
    return tuple(
        replace(one, url="") if isinstance(one, Snapshot) and one.url and _host(one.url) != host else one
        for one in observations
    )


def pages_host(site: str) -> str:
    """Return the host of a site's pages: `github.com` for `https://api.github.com`, that of the API on other sites."""
    return _host(site).removeprefix("api.")


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
