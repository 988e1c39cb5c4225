"""Changes of issues that concern everything below them: another parent, another key, gone, or known for the first time.

Rules with `under` are asked again about the issues below; these get no webhook of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from sqlalchemy.engine import Connection

from sync_service.domain.trackers.issue import Issue
from sync_service.ingest.issue_batch import IssueBatch
from sync_service.ingest.issue_versions import NewKey
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import descendants, known_keys, parents

Site = tuple[int, ...]
"""The ids of all connections to a site."""


def match_below(tx: Connection, ruleset: Ruleset, batch: IssueBatch, new_keys: Iterable[NewKey]) -> None:
    """Request to match the issues below the changed issues of a batch again, where anything depends on ancestors."""
    found: dict[Site, dict[str, str]] = defaultdict(dict)
    for connection_id, identity, what in chain(_changed(tx, ruleset, batch), _renamed(new_keys)):
        if ruleset.asks_for_ancestors(connection_id):
            found[ruleset.same_site(connection_id)].setdefault(identity, what)
    for site, changed in found.items():
        below = parents.with_children(tx, site, changed)
        if below:
            descendants.request(tx, site, {identity: changed[identity] for identity in below})


def _renamed(new_keys: Iterable[NewKey]) -> Iterator[tuple[int, str, str]]:
    """Yield the issues with a new key: connection, identity, and what changed."""
    for one in new_keys:
        if one.was != one.now:
            yield one.connection_id, one.identity, f"{one.was} is now {one.now}"


def _changed(tx: Connection, ruleset: Ruleset, batch: IssueBatch) -> Iterator[tuple[int, str, str]]:
    """Yield the issues that have something else above them, or are the first that children may mean by their key."""
    new: dict[int, dict[str, str]] = defaultdict(dict)
    for (connection_id, identity), before, after in batch.differences():
        if _above(before) != _above(after) or _is_gone(before) != _is_gone(after):
            yield connection_id, identity, _what(before, after)
        elif before is None:
            new[connection_id][identity] = after.key
    for connection_id, keys in new.items():
        if ruleset.asks_for_ancestors(connection_id):
            for identity in known_keys.taken_over(tx, ruleset.same_site(connection_id), keys):
                yield connection_id, identity, f"{keys[identity]} is known now"


def _above(one: Issue | None) -> tuple[object, ...] | None:
    """Return what an issue says of its parent, or of where it went; None where nothing is above it."""
    if one is None:
        return None
    if one.gone_reason is not None:
        return one.moved_to
    return (one.parent_identity, one.parent_key) if one.parent_key else None


def _is_gone(one: Issue | None) -> bool:
    return one is not None and one.gone_reason is not None


def _what(before: Issue | None, after: Issue) -> str:
    """Return in words what changed above the issues below."""
    if after.gone_reason is not None:
        return f"{after.key} was deleted" if after.successor is None else f"{after.key} {after.gone_reason}"
    if before is None:
        return f"{after.key} is known now"
    if after.parent_key:
        return f"{after.key} is now under {after.parent_key}"
    return f"{after.key} is no longer under {before.parent_key}" if before.parent_key else f"{after.key} is there again"
