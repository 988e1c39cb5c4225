"""Members that a listing no longer contains: only those that the tracker still shows us may leave the query.

A search leaves out an issue that no longer matches, and also one that our credentials may no longer see.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.capabilities import BatchFetch, FetchResult
from sync_service.domain.trackers.connector import Connector, ConnectorError, Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import Snapshot
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import query_members
from sync_service.store.okrs.query_listings import Run
from sync_service.store.queue import due
from sync_service.store.tables import query_listing
from sync_service.store.trackers.connections import Configured
from sync_service.tracker_sync.call_policy import LEASE

BATCH = 100
"""Members checked at a time, with one call where the connector can."""

MOST_NAMED = 5


def keep_hidden(
    engine: Engine, row: Row[Any], run: Run, hidden_of: Callable[[Mapping[str, str]], Collection[str]]
) -> list[str]:
    """Keep the members that an ended run lacks and that the tracker no longer shows; return their keys.

    `hidden_of` calls the tracker, outside any transaction: identity → key of the members, to the hidden identities.
    """
    hidden: list[str] = []
    after = ""
    while True:
        with reading(engine) as tx:
            members = query_members.leaving(
                tx, row.revision_id, run=run.number, began_at=run.began_at, after=after, limit=BATCH
            )
        if not members:
            return hidden
        found = hidden_of(members)
        with writing(engine) as tx:
            query_members.show(tx, row.revision_id, found, run=run.number)
            due.checkpoint(tx, query_listing, row, lease=LEASE)
        hidden += [members[identity] for identity in found]
        after = max(members)


def hidden_members(connector: Connector, connection: Configured, wanted: Mapping[str, str]) -> list[str]:
    """Return which issues, given as identity → key, the tracker does not show; a proven deletion is not hidden.

    Raise `Unavailable` and `Refused`.
    """
    return [identity for identity, found in _fetch(connector, connection, wanted).items() if _is_hidden(found)]


def _fetch(connector: Connector, connection: Configured, wanted: Mapping[str, str]) -> dict[str, FetchResult]:
    found: dict[str, FetchResult] = {}
    if isinstance(connector, BatchFetch) and len(wanted) >= connector.min_batch:
        left = iter(wanted.items())
        while some := dict(islice(left, connector.max_batch)):
            found |= _fetch_together(connector, connection, some)
    for identity, key in wanted.items():
        if identity not in found:
            found[identity] = _fetch_one(connector, connection, identity=identity, key=key)
    return found


def _fetch_together(
    connector: BatchFetch, connection: Configured, wanted: Mapping[str, str]
) -> Mapping[str, FetchResult]:
    try:
        return connector.fetch_issues(connection.view, wanted=wanted)
    except (Unavailable, Refused):
        raise
    except ConnectorError:
        return {}  # each is fetched alone, and shows the error


def _fetch_one(connector: Connector, connection: Configured, *, identity: str, key: str) -> FetchResult:
    try:
        return connector.fetch_issue(connection.view, identity=identity, key=key)
    except (Gone, Rejected) as error:
        return error


def _is_hidden(found: FetchResult) -> bool:
    return not isinstance(found, Snapshot) and not (isinstance(found, Gone) and found.proven)


def hidden_text(keys: Sequence[str]) -> str:
    """Return why the members of a query are not all known, for people."""
    named = ", ".join(sorted(keys)[:MOST_NAMED])
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return f"{named}{more} can't be seen with these credentials any more, so membership stays as it was"
