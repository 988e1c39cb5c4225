"""What we do with each of GitHub's webhook events and actions, as a table, and the readers it names.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.github.issues.project_fields import read_project_item
from connectors.github.webhook.parse_access import (
    read_installation_repositories,
    read_organization_deleted,
    read_organization_renamed,
    read_repository,
    read_repository_deleted,
    read_target_renamed,
    reads_installation,
)
from connectors.github.webhook.parse_comments import read_comment
from connectors.github.webhook.parse_issues import (
    read_deleted,
    read_field_removed,
    read_issue,
    read_label,
    read_milestone,
    read_opened,
    read_pull,
    read_transferred,
)
from connectors.github.webhook.parse_sub_issues import read_sub_issue
from connectors.webhook import Treatment, Treatments


def _each(event: str, actions: str, treatment: Treatment) -> Treatments:
    """Treat several actions of one event alike."""
    return {f"{event}.{action}": treatment for action in actions.split()}


def _alike(names: str, treatment: Treatment) -> Treatments:
    """Treat several events alike."""
    return dict.fromkeys(names.split(), treatment)


_ISSUE = Treatment("the issue as it now stands", read_issue)
_PULL = Treatment("the pull request as it now stands, and what it closes", read_pull)
_SUB_ISSUE = Treatment("the sub-issue's parent, and both issues as they now stand", read_sub_issue)
_REPOSITORY = Treatment("the repository's new name", read_repository)
_OWNER = "the new name of the repositories' owner"
_BACK = Treatment("its repositories can be watched again", reads_installation(None))
_PROJECT_ITEM = Treatment("the issue is looked at, where a number that is read may have changed", read_project_item)
_COMMENT = Treatment("the links that a line of /okr in it asks for", read_comment)
_NO_USE = Treatment("OKR Sync has no use for deliveries of this kind")

TREATMENTS: Treatments = {
    "ping": Treatment("it is GitHub's greeting to a new webhook"),
    "issues.opened": Treatment("the issue as it now stands; if transferred, its old self is gone", read_opened),
    "issues.deleted": Treatment("the issue is gone", read_deleted),
    "issues.transferred": Treatment("the issue is gone, its successor stands as told", read_transferred),
    "issues.field_removed": Treatment(
        "the issue as it now stands; a project is asked for the number", read_field_removed
    ),
    **_each(
        "issues",
        "assigned closed demilestoned edited field_added labeled locked milestoned pinned reopened"
        " typed unassigned unlabeled unlocked unpinned untyped *",
        _ISSUE,
    ),
    **_each(
        "pull_request",
        "assigned auto_merge_disabled auto_merge_enabled closed converted_to_draft demilestoned dequeued edited"
        " enqueued labeled locked milestoned opened ready_for_review reopened review_request_removed review_requested"
        " stacked synchronize unassigned unlabeled unlocked *",
        _PULL,
    ),
    **_each("sub_issues", "parent_issue_added parent_issue_removed sub_issue_added sub_issue_removed", _SUB_ISSUE),
    **_each(
        "issue_dependencies",
        "blocked_by_added blocked_by_removed blocking_added blocking_removed",
        Treatment("what blocks what moves no key result, and both issues tell of their own changes"),
    ),
    **_each(
        "issue_relates_to",
        "relates_to_added relates_to_removed",
        Treatment("being related moves no key result, and both issues tell of their own changes"),
    ),
    "label.created": Treatment("the label's name", read_label),
    "label.edited": Treatment("the label's new name, if that changed", read_label),
    "label.deleted": Treatment("the label is gone", read_label),
    "milestone.created": Treatment("the milestone's name", read_milestone),
    "milestone.edited": Treatment("the milestone's new name, if that changed", read_milestone),
    "milestone.deleted": Treatment("the milestone is gone", read_milestone),
    **_each("milestone", "opened closed", Treatment("an issue counts whether its milestone is open or closed")),
    **_each("repository", "renamed transferred", _REPOSITORY),
    "repository.deleted": Treatment("the repository is gone; what reaches it is stale", read_repository_deleted),
    "repository.archived": Treatment("an archived repository keeps its issues as they stand"),
    "repository.unarchived": Treatment("its issues tell of their own changes"),
    "repository.created": Treatment("a new repository has no issues"),
    "repository.edited": Treatment("description, topics and default branch move no key result"),
    **_each("repository", "privatized publicized", Treatment("who may see a repository moves no key result")),
    "organization.renamed": Treatment(_OWNER, read_organization_renamed),
    "organization.deleted": Treatment(
        "its repositories are gone; what reaches them is stale", read_organization_deleted
    ),
    **_each(
        "organization",
        "member_added member_invited member_removed",
        Treatment("members of an organization move no key result"),
    ),
    **_each("installation", "created unsuspend", _BACK),
    "installation.deleted": Treatment(
        "its repositories can't be watched; what reaches them is stale",
        reads_installation("the GitHub app was uninstalled"),
    ),
    "installation.suspend": Treatment(
        "its repositories can't be watched; what reaches them is stale",
        reads_installation("the GitHub app was suspended"),
    ),
    "installation.new_permissions_accepted": Treatment("a look tells by itself what the app may not see"),
    **_each(
        "installation_repositories",
        "added removed",
        Treatment("which repositories can be watched, and which no longer", read_installation_repositories),
    ),
    "installation_target.renamed": Treatment(_OWNER, read_target_renamed),
    **_each("issue_comment", "created deleted edited", _COMMENT),
    **_each("issue_comment", "pinned unpinned *", Treatment("it leaves the comment as it is")),
    **_each("projects_v2_item", "archived converted created deleted edited restored", _PROJECT_ITEM),
    "projects_v2_item.reordered": Treatment("the order of a project's items moves no key result"),
    "meta.deleted": Treatment("a deleted webhook says nothing about issues"),
    **_alike(
        "branch_protection_configuration.* branch_protection_rule.* check_run.* check_suite.* code_scanning_alert.*"
        " commit_comment.* create custom_property.* custom_property_values.* delete dependabot_alert.* deploy_key.*"
        " deployment.* deployment_protection_rule.* deployment_review.* deployment_status.* discussion.*"
        " discussion_comment.* fork github_app_authorization.* gollum marketplace_purchase.* member.* membership.*"
        " merge_group.* org_block.* package.* page_build personal_access_token_request.* project.* project_card.*"
        " project_column.* projects_v2.* projects_v2_status_update.* public pull_request_review.*"
        " pull_request_review_comment.* pull_request_review_thread.* push registry_package.* release.*"
        " repository_advisory.* repository_dispatch.* repository_import repository_ruleset.*"
        " repository_vulnerability_alert.* secret_scanning_alert.* secret_scanning_alert_location.*"
        " secret_scanning_scan.* security_advisory.* security_and_analysis sponsorship.* star.* status team.* team_add"
        " watch.* workflow_dispatch workflow_job.* workflow_run.* *",
        _NO_USE,
    ),
}
"""Every event and action we know of, and what follows from it; `*` stands for whatever is not listed."""


def treatment_of(name: str, event: str) -> Treatment:
    """Find the treatment of a delivery by its name (`issues.closed`), else by its event alone."""
    return TREATMENTS.get(name) or TREATMENTS.get(f"{event}.*") or TREATMENTS["*"]


def events_read() -> frozenset[str]:
    """Name the events of which a delivery may say something we use: what a webhook should be told to send."""
    return frozenset(name.partition(".")[0] for name, treatment in TREATMENTS.items() if treatment.read)
