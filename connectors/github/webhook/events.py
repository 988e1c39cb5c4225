"""Table of GitHub's webhook events and actions: the parser of each, or the reason to ignore it.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from connectors.github.issues.project_fields import read_project_item
from connectors.github.webhook.parse_access import (
    installation_parser,
    read_installation_repositories,
    read_organization_deleted,
    read_organization_renamed,
    read_repository,
    read_repository_deleted,
    read_target_renamed,
)
from connectors.github.webhook.parse_comments import read_comment
from connectors.github.webhook.parse_issues import (
    parse_issue,
    read_deleted,
    read_field_removed,
    read_label,
    read_milestone,
    read_opened,
    read_pull,
    read_transferred,
)
from connectors.github.webhook.parse_sub_issues import read_sub_issue
from connectors.webhook import EventRule, EventRules


def _each(event: str, actions: str, treatment: EventRule) -> EventRules:
    """Return the same rule for several actions of one event."""
    return {f"{event}.{action}": treatment for action in actions.split()}


def _alike(names: str, treatment: EventRule) -> EventRules:
    """Return the same rule for several events."""
    return dict.fromkeys(names.split(), treatment)


_ISSUE = EventRule("the issue's present state", parse_issue)
_PULL = EventRule("the pull request's present state, and what it closes", read_pull)
_SUB_ISSUE = EventRule("the sub-issue's parent, and the present state of both issues", read_sub_issue)
_REPOSITORY = EventRule("the repository's new name", read_repository)
_OWNER = "the new name of the repositories' owner"
_BACK = EventRule("its repositories can be watched again", installation_parser(None))
_PROJECT_ITEM = EventRule("the issue is fetched when a number that is read may have changed", read_project_item)
_COMMENT = EventRule("the links that a line /okr in it asks for", read_comment)
_NO_USE = EventRule("OKR Sync has no use for deliveries of this kind")

EVENT_RULES: EventRules = {
    "ping": EventRule("it is GitHub's test of a new webhook"),
    "issues.opened": EventRule("the issue's present state; after a transfer the old issue is gone", read_opened),
    "issues.deleted": EventRule("the issue is gone", read_deleted),
    "issues.transferred": EventRule("the issue is gone; the present state of its successor", read_transferred),
    "issues.field_removed": EventRule(
        "the issue's present state; its number in a project is fetched", read_field_removed
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
        EventRule("blocking moves no key result, and both issues send their own changes"),
    ),
    **_each(
        "issue_relates_to",
        "relates_to_added relates_to_removed",
        EventRule("being related moves no key result, and both issues send their own changes"),
    ),
    "label.created": EventRule("the label's name", read_label),
    "label.edited": EventRule("the label's new name, if that changed", read_label),
    "label.deleted": EventRule("the label is gone", read_label),
    "milestone.created": EventRule("the milestone's name", read_milestone),
    "milestone.edited": EventRule("the milestone's new name, if that changed", read_milestone),
    "milestone.deleted": EventRule("the milestone is gone", read_milestone),
    **_each("milestone", "opened closed", EventRule("an issue counts whether its milestone is open or closed")),
    **_each("repository", "renamed transferred", _REPOSITORY),
    "repository.deleted": EventRule("the repository is gone; its key results are stale", read_repository_deleted),
    "repository.archived": EventRule("an archived repository keeps its issues as they are"),
    "repository.unarchived": EventRule("its issues send their own changes"),
    "repository.created": EventRule("a new repository has no issues"),
    "repository.edited": EventRule("description, topics and default branch move no key result"),
    **_each("repository", "privatized publicized", EventRule("who may see a repository moves no key result")),
    "organization.renamed": EventRule(_OWNER, read_organization_renamed),
    "organization.deleted": EventRule(
        "its repositories are gone; their key results are stale", read_organization_deleted
    ),
    **_each(
        "organization",
        "member_added member_invited member_removed",
        EventRule("members of an organization move no key result"),
    ),
    **_each("installation", "created unsuspend", _BACK),
    "installation.deleted": EventRule(
        "its repositories can't be watched; their key results are stale",
        installation_parser("the GitHub app was uninstalled"),
    ),
    "installation.suspend": EventRule(
        "its repositories can't be watched; their key results are stale",
        installation_parser("the GitHub app was suspended"),
    ),
    "installation.new_permissions_accepted": EventRule("a fetch shows by itself what the app may not see"),
    **_each(
        "installation_repositories",
        "added removed",
        EventRule("which repositories can be watched, and which no longer", read_installation_repositories),
    ),
    "installation_target.renamed": EventRule(_OWNER, read_target_renamed),
    **_each("issue_comment", "created deleted edited", _COMMENT),
    **_each("issue_comment", "pinned unpinned *", EventRule("the comment's text does not change")),
    **_each("projects_v2_item", "archived converted created deleted edited restored", _PROJECT_ITEM),
    "projects_v2_item.reordered": EventRule("the order of a project's items moves no key result"),
    "meta.deleted": EventRule("a deleted webhook says nothing about issues"),
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
"""The rule of every event and action that we know; `*` is the default for all others."""


def event_rule_for(name: str, event: str) -> EventRule:
    """Return the rule of a delivery by its name (`issues.closed`), else by its event."""
    return EVENT_RULES.get(name) or EVENT_RULES.get(f"{event}.*") or EVENT_RULES["*"]


def parsed_events() -> frozenset[str]:
    """Return the events that we parse at least partly: a webhook should send these."""
    return frozenset(name.partition(".")[0] for name, treatment in EVENT_RULES.items() if treatment.parse)
