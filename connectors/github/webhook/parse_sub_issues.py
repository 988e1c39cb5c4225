"""Parse deliveries about sub-issues: the parent of the child, and both issues when they are complete.

Each change is sent twice, from the child's side and from the parent's. The two may be in different repositories.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#sub_issues
"""

from datetime import datetime

from connectors.github.model.number_fields import number_fields_of
from connectors.github.model.snapshots import identity_and_key, read_issue, repository_in_url, scope_of
from connectors.github.webhook.parse_issues import repository_of
from connectors.json_fields import Json, identifier, json_object, timestamp
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import (
    FetchNeeded,
    Ignored,
    Observation,
    Parent,
    ParentSeen,
    ScopeRef,
    Snapshot,
)


def read_sub_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read that a sub-issue gained or lost its parent, and the present state of both issues."""
    child, parent = json_object(payload.get("sub_issue")), json_object(payload.get("parent_issue"))
    wanted = number_fields_of(connection)
    action = str(payload.get("action"))
    here, there = (
        repository_of(payload),
        "parent_issue_repo" if action.startswith("parent_issue_") else "sub_issue_repo",
    )
    other = json_object(payload.get(there))
    homes = (here, other) if there == "parent_issue_repo" else (other, here)
    child_scope, parent_scope = _home(child, *homes), _home(parent, *reversed(homes))
    seen = [
        one
        for issue, scope in ((child, child_scope), (parent, parent_scope))
        if scope and isinstance(one := read_issue(issue, scope, wanted), Snapshot)
    ]
    if child_scope is None:
        return (*seen, Ignored("the delivery does not say which issue is the sub-issue"))
    known = Parent(None) if action.endswith("_removed") else _parent(parent, parent_scope)
    return (*seen, _relation(child, child_scope, known, _later(child, parent)))


def _home(issue: Json, named: Json, other: Json) -> ScopeRef | None:
    """Return the repository of an issue: the one named for it, else the other one if the issue's address matches."""
    if identifier(issue.get("number")) is None:
        return None
    if identifier(named.get("id")):
        return scope_of(named)
    home = repository_in_url(issue.get("repository_url"))
    return scope_of(other) if home and home[0].lower() == str(other.get("full_name")).lower() else None


def _parent(parent: Json, scope: ScopeRef | None) -> Parent | None:
    """Return the parent, with its key only when its repository's id is missing; None when its number is missing."""
    if scope:
        identity, key = identity_and_key(parent, scope)
        return Parent(key, identity)
    home = repository_in_url(parent.get("url"))
    return Parent(f"{home[0]}#{home[1]}") if home and home[1] else None


def _relation(child: Json, scope: ScopeRef, parent: Parent | None, at: datetime | None) -> ParentSeen | FetchNeeded:
    identity, key = identity_and_key(child, scope)
    if parent is None:
        return FetchNeeded(identity=identity, key=key, reason="the delivery does not say which issue is the parent")
    if at is None:
        return FetchNeeded(identity=identity, key=key, reason="the delivery does not say when its parent changed")
    return ParentSeen(identity=identity, key=key, scope=scope, parent=parent, at=at)


def _later(child: Json, parent: Json) -> datetime | None:
    """Return the later `updated_at` of the two issues: the relation has no time of its own."""
    times = [at for issue in (child, parent) if (at := timestamp(issue.get("updated_at")))]
    return max(times, default=None)
