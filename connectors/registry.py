"""Registry of connectors: the built-in ones by name, plugins of other packages by entry point."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from connectors.github import GitHub
from connectors.jira import Jira
from sync_service.domain.trackers.connector import Connector

GROUP = "okr_sync.connectors"
"""The entry point group; each name in it is a kind, each value a connector object."""

BUILT_IN: Mapping[str, Connector] = {
    "github": GitHub(),
    "jira": Jira(),
}


class RegistryError(Exception):
    """Two connectors have the same kind, or one can't be loaded. The message names the packages."""


def load_connectors(found: Iterable[EntryPoint] | None = None) -> dict[str, Connector]:
    """Return every connector by its kind. `found` replaces the installed entry points.

    Raise `RegistryError` when two connectors claim the same kind, or one is registered under another kind than its own.
    """
    known = dict(BUILT_IN)
    origins = dict.fromkeys(known, "OKR Sync itself")
    for point in entry_points(group=GROUP) if found is None else found:
        origin = _origin(point)
        if point.name in known:
            raise RegistryError(f"two connectors claim the kind {point.name!r}: {origins[point.name]} and {origin}")
        known[point.name] = _load(point, origin)
        origins[point.name] = origin
    return known


def _load(point: EntryPoint, origin: str) -> Connector:
    try:
        connector: Connector = point.load()
    except (ImportError, AttributeError) as error:
        raise RegistryError(f"the connector {point.name!r} of {origin} can't be loaded: {error}") from error
    kind = getattr(connector, "kind", None)
    if kind != point.name or isinstance(connector, type):
        raise RegistryError(f"the entry point {point.name!r} of {origin} does not name a connector object of that kind")
    return connector


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist else point.value
