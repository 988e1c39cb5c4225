"""Keep the web addresses of a delivery only where they lead to the connection's own site."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from sync_service.domain.trackers.observations import Observation, Snapshot


def keep_own_links(observations: Iterable[Observation], pages: str) -> tuple[Observation, ...]:
    """Return the observations; a snapshot whose address leads to another host than the site's `pages` has none."""
    host = _host(pages)
    return tuple(
        replace(one, url="") if isinstance(one, Snapshot) and one.url and _host(one.url) != host else one
        for one in observations
    )


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
