"""How GitHub's deliveries about issues, pull requests, labels and milestones are read.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.fields import Json, identifier, required, table, text
from connectors.github.numbers import wanted_of
from connectors.github.snapshots import issue_seen, names, pull_seen, scope_of
from sync_service.domain.connectors import Connection, Rejected
from sync_service.domain.issues import Ignored, Look, Observation, Snapshot, TermKind, TermSeen, Tombstone


def read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue as it now stands."""
    return (issue_seen(table(payload.get("issue")), scope_of(repository_of(payload)), wanted_of(connection)),)


def read_field_removed(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read the issue that has no value in a field any more; where it may have one in a project, that is looked for."""
    issue, wanted = table(payload.get("issue")), wanted_of(connection)
    scope, removed = scope_of(repository_of(payload)), table(payload.get("issue_field"))
    named = {*wanted.named(removed.get("name")), *wanted.named(removed.get("id"))}
    seen = issue_seen(issue, scope, wanted, dict.fromkeys(named))
    if not named or not wanted.elsewhere or not isinstance(seen, Snapshot):
        return (seen,)
    return (seen, Look(identity=seen.identity, key=seen.key, reason="a project may have what its field no longer has"))


def read_opened(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read a new issue; one that came by transfer also buries its old self, whose own letter may come later."""
    found = read_issue(payload, connection)
    changes = table(payload.get("changes"))
    old_issue, old_repository = table(changes.get("old_issue")), table(changes.get("old_repository"))
    # GitHub sends `old_issue: null` where the old repository is not ours to see.
    if not old_issue or not old_repository:
        return found
    successor, moved_to = names(table(payload.get("issue")), scope_of(repository_of(payload)))
    identity, key = names(old_issue, scope_of(old_repository))
    return (*found, Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to))


def read_transferred(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Bury an issue that left its repository, and read it at its new place: id and number both change."""
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
    """Bury an issue that was deleted."""
    # The event's name is not under the signature: a deleted comment must not pass for a deleted issue.
    if "comment" in payload:
        raise Rejected("the body is about a comment, not about a deleted issue")
    identity, key = names(table(payload.get("issue")), scope_of(repository_of(payload)))
    return (Tombstone(identity=identity, key=key),)


def read_pull(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the pull request as it now stands."""
    repository = repository_of(payload)
    return (pull_seen(table(payload.get("pull_request")), scope_of(repository), repository),)


def read_label(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a label."""
    return (_term_seen(payload, kind=TermKind.LABEL, naming="name"),)


def read_milestone(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a milestone."""
    return (_term_seen(payload, kind=TermKind.MILESTONE, naming="title"),)


def _term_seen(payload: Json, *, kind: TermKind, naming: str) -> TermSeen | Ignored:
    # Letters about terms carry no usable time, so one that changes no name must not bring back an older one.
    if payload.get("action") == "edited" and naming not in table(payload.get("changes")):
        return Ignored(f"the {kind.value} kept its {naming}")
    term = table(payload.get(kind.value))
    return TermSeen(
        kind=kind,
        scope=scope_of(repository_of(payload)),
        id=required(identifier(term.get("id")), f"the {kind.value}'s id"),
        name=None
        if payload.get("action") == "deleted"
        else required(text(term.get(naming)), f"the {kind.value}'s name"),
    )


def repository_of(payload: Json) -> Json:
    """Give the repository that a delivery is about."""
    return table(payload.get("repository"))
