"""Follow issues to their new keys: store the old ones, and give the new one to their children.

A child gets no webhook when its parent's key changes: its rules and pages would keep the old key.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy.engine import Connection

from sync_service.ingest.issue_versions import NewKey
from sync_service.store.queue import relink_requests
from sync_service.store.trackers import issues, known_keys
from sync_service.store.trackers.issue_subset import Subset
from sync_service.store.trackers.issues import Identity


def keys_of_children(tx: Connection, first_seen: Mapping[Identity, str]) -> Iterator[NewKey]:
    """Yield the new issues, given with their keys, that known children name by other keys: they moved before."""
    for (connection_id, identity), key in issues.parent_keys(tx, first_seen):
        yield NewKey(connection_id, identity, key, first_seen[connection_id, identity])


def follow_new_keys(tx: Connection, new_keys: Iterable[NewKey]) -> None:
    """Store old and new keys, and request the new one for the children that have another.

    If a child is the last to report a key that its parent had long before, nothing is requested.
    """
    for one in dict.fromkeys(one for one in new_keys if one.was != one.now):
        is_old = known_keys.are_known(tx, one.connection_id, one.identity, one.now)
        present = issues.key_of(tx, one.connection_id, one.identity)
        known_keys.record(tx, [(one.connection_id, one.identity, key) for key in (one.was, one.now)])
        if present != one.now and (is_old or present is not None):
            continue
        if issues.any_after(tx, connection_id=one.connection_id, after=0, subset=Subset((one.identity, one.was))):
            relink_requests.follow_parent(tx, one.connection_id, identity=one.identity, was=one.was, now=one.now)
