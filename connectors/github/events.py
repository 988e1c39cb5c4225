"""What we do with each of GitHub's webhook events and actions, as a table, and the readers it names.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.fields import Json, identifier, required, table, text
from connectors.github.snapshots import issue_seen, names, pull_seen, scope_of
from connectors.letters import Treatment, Treatments
from sync_service.domain.connectors import Connection, Rejected
from sync_service.domain.issues import Ignored, Observation, ScopeSeen, TermKind, TermSeen, Tombstone


def points_field(connection: Connection) -> str | None:
    """Give the name or id of the issue field that holds points, where one is set."""
    found = connection.options.get("points_field")
    return found if isinstance(found, str) and found else None


def _read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    return (issue_seen(table(payload.get("issue")), scope_of(_repository(payload)), points_field(connection)),)


def _read_opened(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read a new issue; one that came by transfer also buries its old self, whose own letter may come later."""
    found = _read_issue(payload, connection)
    changes = table(payload.get("changes"))
    old_issue, old_repository = table(changes.get("old_issue")), table(changes.get("old_repository"))
    # GitHub sends `old_issue: null` where the old repository is not ours to see.
    if not old_issue or not old_repository:
        return found
    successor, moved_to = names(table(payload.get("issue")), scope_of(_repository(payload)))
    identity, key = names(old_issue, scope_of(old_repository))
    return (*found, Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to))


def _read_transferred(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Bury an issue that left its repository, and read it at its new place: id and number both change."""
    identity, key = names(table(payload.get("issue")), scope_of(_repository(payload)))
    changes = table(payload.get("changes"))
    new_issue, new_repository = table(changes.get("new_issue")), table(changes.get("new_repository"))
    if not new_issue or not new_repository:
        return (Tombstone(identity=identity, key=key),)
    scope = scope_of(new_repository)
    successor, moved_to = names(new_issue, scope)
    tombstone = Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to)
    return (tombstone, issue_seen(new_issue, scope, points_field(connection)))


def _read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    # The event's name is not under the signature: a deleted comment must not pass for a deleted issue.
    if "comment" in payload:
        raise Rejected("the body is about a comment, not about a deleted issue")
    identity, key = names(table(payload.get("issue")), scope_of(_repository(payload)))
    return (Tombstone(identity=identity, key=key),)


def _read_pull(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (pull_seen(table(payload.get("pull_request")), scope_of(_repository(payload))),)


def _read_label(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (_term_seen(payload, kind=TermKind.LABEL, naming="name"),)


def _read_milestone(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (_term_seen(payload, kind=TermKind.MILESTONE, naming="title"),)


def _term_seen(payload: Json, *, kind: TermKind, naming: str) -> TermSeen | Ignored:
    # Letters about terms carry no usable time, so one that changes no name must not bring back an older one.
    if payload.get("action") == "edited" and naming not in table(payload.get("changes")):
        return Ignored(f"the {kind.value} kept its {naming}")
    term = table(payload.get(kind.value))
    return TermSeen(
        kind=kind,
        scope=scope_of(_repository(payload)),
        id=required(identifier(term.get("id")), f"the {kind.value}'s id"),
        name=None
        if payload.get("action") == "deleted"
        else required(text(term.get(naming)), f"the {kind.value}'s name"),
    )


def _read_repository(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (ScopeSeen(scope=scope_of(_repository(payload))),)


def _read_repository_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (ScopeSeen(scope=scope_of(_repository(payload)), gone="the repository was deleted"),)


def _repository(payload: Json) -> Json:
    return table(payload.get("repository"))


_ISSUE = Treatment("the issue as it now stands", _read_issue)
_PULL = Treatment("the pull request as it now stands", _read_pull)
_RELATION = Treatment("relations between issues are not read yet")
_ACCESS = Treatment("what an app may see is not kept by webhook")
_COMMENT = Treatment("comments move no key result")

TREATMENTS: Treatments = {
    "ping": Treatment("it is GitHub's greeting to a new webhook"),
    "issues.opened": Treatment("the issue as it now stands; if transferred, its old self is gone", _read_opened),
    "issues.deleted": Treatment("the issue is gone", _read_deleted),
    "issues.transferred": Treatment("the issue is gone, its successor stands as told", _read_transferred),
    **dict.fromkeys(
        (
            "issues.assigned",
            "issues.closed",
            "issues.demilestoned",
            "issues.edited",
            "issues.field_added",
            "issues.field_removed",
            "issues.labeled",
            "issues.locked",
            "issues.milestoned",
            "issues.pinned",
            "issues.reopened",
            "issues.typed",
            "issues.unassigned",
            "issues.unlabeled",
            "issues.unlocked",
            "issues.unpinned",
            "issues.untyped",
            "issues.*",
        ),
        _ISSUE,
    ),
    "pull_request.*": _PULL,
    "label.created": Treatment("the label's name", _read_label),
    "label.edited": Treatment("the label's new name, if that changed", _read_label),
    "label.deleted": Treatment("the label is gone", _read_label),
    "milestone.created": Treatment("the milestone's name", _read_milestone),
    "milestone.edited": Treatment("the milestone's new name, if that changed", _read_milestone),
    "milestone.deleted": Treatment("the milestone is gone", _read_milestone),
    "milestone.opened": Treatment("an issue counts whether its milestone is open or closed"),
    "milestone.closed": Treatment("an issue counts whether its milestone is open or closed"),
    "repository.renamed": Treatment("the repository's new name", _read_repository),
    "repository.transferred": Treatment("the repository's new name", _read_repository),
    "repository.deleted": Treatment("the repository is gone", _read_repository_deleted),
    "repository.archived": Treatment("an archived repository keeps its issues as they stand"),
    "repository.unarchived": Treatment("its issues tell of their own changes"),
    "repository.created": Treatment("a new repository has no issues"),
    "repository.edited": Treatment("description, topics and default branch move no key result"),
    "repository.privatized": Treatment("who may see a repository moves no key result"),
    "repository.publicized": Treatment("who may see a repository moves no key result"),
    "issue_comment.*": _COMMENT,
    "sub_issues.*": _RELATION,
    "issue_dependencies.*": _RELATION,
    "issue_relates_to.*": _RELATION,
    "projects_v2_item.*": Treatment("project boards are not read; the issue tells of its own changes"),
    "organization.*": Treatment("members and names of an organization move no key result"),
    "installation.*": _ACCESS,
    "installation_repositories.*": _ACCESS,
    "installation_target.*": _ACCESS,
    "meta.deleted": Treatment("a deleted webhook says nothing about issues"),
    "*": Treatment("OKR Sync has no use for deliveries of this kind"),
}
"""Every event and action we know of, and what follows from it; `*` stands for whatever is not listed."""


def treatment_of(name: str, event: str) -> Treatment:
    """Find the treatment of a delivery by its name (`issues.closed`), else by its event alone."""
    return TREATMENTS.get(name) or TREATMENTS.get(f"{event}.*") or TREATMENTS["*"]
