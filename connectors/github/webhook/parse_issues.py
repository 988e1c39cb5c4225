"""Parse deliveries about issues, pull requests, labels and milestones.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.github.model.number_fields import field_values_of, number_fields_of
from connectors.github.model.snapshots import identity_and_key, read_issue, read_pull_request, scope_of
from connectors.json_fields import Json, identifier, json_object, required, text
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import (
    FetchNeeded,
    Ignored,
    Observation,
    Snapshot,
    TermKind,
    TermSeen,
    Tombstone,
)


def parse_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue's present state; and say which of its fields can't be read."""
    issue, wanted = json_object(payload.get("issue")), number_fields_of(connection)
    seen = read_issue(issue, scope_of(repository_of(payload)), wanted)
    return (seen, *map(Ignored, field_values_of(issue, wanted, {}).unclear))


def read_field_removed(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue whose field lost its value. Ask for a fetch when a project may have the value."""
    issue, wanted = json_object(payload.get("issue")), number_fields_of(connection)
    scope, removed = scope_of(repository_of(payload)), json_object(payload.get("issue_field"))
    named = {*wanted.named(removed.get("name")), *wanted.named(removed.get("id"))}
    seen = read_issue(issue, scope, wanted, dict.fromkeys(named, ()))
    if not named or not wanted.elsewhere or not isinstance(seen, Snapshot):
        return (seen,)
    return (
        seen,
        FetchNeeded(identity=seen.identity, key=seen.key, reason="a project may have what its field no longer has"),
    )


def read_opened(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read a new issue. After a transfer also return a tombstone of the old one, whose delivery may come later."""
    seen = parse_issue(payload, connection)
    changes = json_object(payload.get("changes"))
    old_issue, old_repository = json_object(changes.get("old_issue")), json_object(changes.get("old_repository"))
    # GitHub sends `old_issue: null` when we may not see the old repository.
    if not old_issue or not old_repository:
        return seen
    successor, moved_to = identity_and_key(json_object(payload.get("issue")), scope_of(repository_of(payload)))
    identity, key = identity_and_key(old_issue, scope_of(old_repository))
    return (*seen, Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to))


def read_transferred(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Return a tombstone of an issue that left its repository, and the new issue: id and number both change."""
    identity, key = identity_and_key(json_object(payload.get("issue")), scope_of(repository_of(payload)))
    changes = json_object(payload.get("changes"))
    new_issue, new_repository = json_object(changes.get("new_issue")), json_object(changes.get("new_repository"))
    if not new_issue or not new_repository:
        return (Tombstone(identity=identity, key=key),)
    scope = scope_of(new_repository)
    successor, moved_to = identity_and_key(new_issue, scope)
    tombstone = Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to)
    return (tombstone, read_issue(new_issue, scope, number_fields_of(connection)))


def read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Return a tombstone of a deleted issue."""
    identity, key = identity_and_key(json_object(payload.get("issue")), scope_of(repository_of(payload)))
    return (Tombstone(identity=identity, key=key),)


def read_pull(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the pull request's present state."""
    repository = repository_of(payload)
    return (read_pull_request(json_object(payload.get("pull_request")), scope_of(repository), repository),)


def read_label(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a label."""
    return (_term_seen(payload, kind=TermKind.LABEL, name_field="name"),)


def read_milestone(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a milestone."""
    return (_term_seen(payload, kind=TermKind.MILESTONE, name_field="title"),)


def _term_seen(payload: Json, *, kind: TermKind, name_field: str) -> TermSeen | Ignored:
    # Deliveries about terms have no usable time, so one that changes no name must not restore an older name.
    if payload.get("action") == "edited" and name_field not in json_object(payload.get("changes")):
        return Ignored(f"the {kind.value} kept its {name_field}")
    term = json_object(payload.get(kind.value))
    return TermSeen(
        kind=kind,
        scope=scope_of(repository_of(payload)),
        id=required(identifier(term.get("id")), f"the {kind.value}'s id"),
        name=None
        if payload.get("action") == "deleted"
        else required(text(term.get(name_field)), f"the {kind.value}'s name"),
    )


def repository_of(payload: Json) -> Json:
    """Return the repository that a delivery is about."""
    return json_object(payload.get("repository"))
