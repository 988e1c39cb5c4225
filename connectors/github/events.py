"""What we do with each of GitHub's webhook events and actions, as a table, and the readers it names.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.fields import Json
from connectors.github.reading import (
    read_deleted,
    read_issue,
    read_label,
    read_milestone,
    read_opened,
    read_pull,
    read_transferred,
    repository_of,
)
from connectors.github.relations import read_sub_issue
from connectors.github.snapshots import scope_of
from connectors.letters import Treatment, Treatments
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Observation, ScopeSeen


def _read_repository(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (ScopeSeen(scope=scope_of(repository_of(payload))),)


def _read_repository_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    return (ScopeSeen(scope=scope_of(repository_of(payload)), gone="the repository was deleted"),)


_ISSUE = Treatment("the issue as it now stands", read_issue)
_PULL = Treatment("the pull request as it now stands", read_pull)
_SUB_ISSUE = Treatment("the sub-issue's parent, and both issues as they now stand", read_sub_issue)
_ACCESS = Treatment("what an app may see is not kept by webhook")
_COMMENT = Treatment("comments move no key result")

TREATMENTS: Treatments = {
    "ping": Treatment("it is GitHub's greeting to a new webhook"),
    "issues.opened": Treatment("the issue as it now stands; if transferred, its old self is gone", read_opened),
    "issues.deleted": Treatment("the issue is gone", read_deleted),
    "issues.transferred": Treatment("the issue is gone, its successor stands as told", read_transferred),
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
    "label.created": Treatment("the label's name", read_label),
    "label.edited": Treatment("the label's new name, if that changed", read_label),
    "label.deleted": Treatment("the label is gone", read_label),
    "milestone.created": Treatment("the milestone's name", read_milestone),
    "milestone.edited": Treatment("the milestone's new name, if that changed", read_milestone),
    "milestone.deleted": Treatment("the milestone is gone", read_milestone),
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
    **dict.fromkeys(
        (
            "sub_issues.parent_issue_added",
            "sub_issues.parent_issue_removed",
            "sub_issues.sub_issue_added",
            "sub_issues.sub_issue_removed",
        ),
        _SUB_ISSUE,
    ),
    "sub_issues.*": Treatment("OKR Sync does not know this change of a sub-issue"),
    "issue_dependencies.*": Treatment(
        "what blocks what moves no key result, and both issues tell of their own changes"
    ),
    "issue_relates_to.*": Treatment("being related moves no key result"),
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
