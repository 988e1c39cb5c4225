"""Status catalogue of a Jira site: the category of each status by its id, as changelogs name statuses.

Each process fetches it at most once an hour. A status that was deleted since is not in it.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-statuses/#api-rest-api-3-status-get
"""

import time
from collections.abc import Callable, Mapping, Sequence

from connectors.json_fields import Json, exact_text, identifier, json_object
from sync_service.domain.trackers.connector import Connection

FRESH_SECONDS = 3600.0

Categories = Mapping[str, str]
"""The id of a status → the key of its category: `new`, `indeterminate` or `done`."""


class StatusCatalogueCache:
    """Cache of the status catalogue of each connection's site, per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: dict[tuple[str, str], tuple[float, Categories]] = {}

    def known(self, connection: Connection) -> Categories | None:
        """Return the cached catalogue of a connection, None when it is absent or not fresh. Makes no call."""
        at, cached = self._cached.get((connection.slug, connection.site), (0.0, None))
        return cached if cached is not None and self._clock() - at < FRESH_SECONDS else None

    def keep(self, connection: Connection, answer: Sequence[Json]) -> Categories:
        """Store the answer to `GET /status`, and return it as a catalogue."""
        found = {id_: category for row in answer if (pair := _read(row)) for id_, category in (pair,)}
        self._cached[connection.slug, connection.site] = (self._clock(), found)
        return found


def _read(row: Json) -> tuple[str, str] | None:
    id_, category = identifier(row.get("id")), exact_text(json_object(row.get("statusCategory")).get("key"))
    return (id_, category) if id_ is not None and category is not None else None
