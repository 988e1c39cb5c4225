"""Parse deliveries about issues, pull requests, labels and milestones.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.github.model.number_fields import wanted_of
from connectors.github.model.snapshots import issue_seen, names, pull_seen, scope_of
from connectors.json_fields import Json, identifier, required, table, text
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import (
    Ignored,
    Look,
    Observation,
    Snapshot,
    TermKind,
    TermSeen,
    Tombstone,
)


def read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue's present state."""
    return (issue_seen(table(payload.get("issue")), scope_of(repository_of(payload)), wanted_of(connection)),)


def read_field_removed(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue whose field lost its value. Ask for a fetch when a project may have the value."""
    issue, wanted = table(payload.get("issue")), wanted_of(connection)
    scope, removed = scope_of(repository_of(payload)), table(payload.get("issue_field"))
    named = {*wanted.named(removed.get("name")), *wanted.named(removed.get("id"))}
    seen = issue_seen(issue, scope, wanted, dict.fromkeys(named))
    if not named or not wanted.elsewhere or not isinstance(seen, Snapshot):
        return (seen,)
    return (seen, Look(identity=seen.identity, key=seen.key, reason="a project may have what its field no longer has"))


def read_opened(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read a new issue. After a transfer also return a tombstone of the old one, whose delivery may come later."""
    seen = read_issue(payload, connection)
    changes = table(payload.get("changes"))
    old_issue, old_repository = table(changes.get("old_issue")), table(changes.get("old_repository"))
    # GitHub sends `old_issue: null` when we may not see the old repository.
    if not old_issue or not old_repository:
        return seen
    successor, moved_to = names(table(payload.get("issue")), scope_of(repository_of(payload)))
    identity, key = names(old_issue, scope_of(old_repository))
    return (*seen, Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to))


def read_transferred(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Return a tombstone of an issue that left its repository, and the new issue: id and number both change."""
    identity, key = names(table(payload.get("issue")), scope_of(repository_of(payload)))
    changes = table(payload.get("changes"))
    new_issue, new_repository = table(changes.get("new_issue")), table(changes.get("new_repository"))
    if not new_issue or not new_repository:
        return (Tombstone(identity=identity, key=key),)
    scope = scope_of(new_repository)
    successor, moved_to = names(new_issue, scope)
    tombstone = Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to)
    return (tombstone, issue_seen(new_issue, scope, wanted_of(connection)))


def read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Return a tombstone of a deleted issue."""
    # The signature does not cover the event's name: a deleted comment must not count as a deleted issue.
    if "comment" in payload:
        raise Rejected("the body is about a comment, not about a deleted issue")
    identity, key = names(table(payload.get("issue")), scope_of(repository_of(payload)))
    return (Tombstone(identity=identity, key=key),)


def read_pull(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the pull request's present state."""
    repository = repository_of(payload)
    return (pull_seen(table(payload.get("pull_request")), scope_of(repository), repository),)


def read_label(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a label."""
    return (_term_seen(payload, kind=TermKind.LABEL, name_field="name"),)


def read_milestone(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a milestone."""
    return (_term_seen(payload, kind=TermKind.MILESTONE, name_field="title"),)


def _term_seen(payload: Json, *, kind: TermKind, name_field: str) -> TermSeen | Ignored:
    # Deliveries about terms have no usable time, so one that changes no name must not restore an older name.
    if payload.get("action") == "edited" and name_field not in table(payload.get("changes")):
        return Ignored(f"the {kind.value} kept its {name_field}")
    term = table(payload.get(kind.value))
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
    return table(payload.get("repository"))
