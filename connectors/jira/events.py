"""What we do with each of Jira's webhook events, as a table, and the readers it names.

The body names its event, never a header; its `issue_event_type_name` is missing on old servers and unsure
elsewhere, so only the issue and the changelog are believed.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from connectors.fields import Json, table
from connectors.jira.points import are_points_unsure
from connectors.jira.snapshots import issue_seen, names
from connectors.letters import Treatment, Treatments
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Look, Observation, Snapshot, Tombstone


def _read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    issue, changelog = table(payload.get("issue")), table(payload.get("changelog"))
    seen = issue_seen(issue, connection, changelog=changelog, field_names={})
    unsure = are_points_unsure(table(issue.get("fields")), connection, changelog)
    if isinstance(seen, Snapshot) and connection.token and unsure:
        reason = "a webhook names no custom field, and points_field is set to a name, not an id"
        return (seen, Look(identity=seen.identity, key=seen.key, reason=reason))
    return (seen,)


def _read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    identity, key = names(table(payload.get("issue")))
    return (Tombstone(identity=identity, key=key),)


_ISSUE = Treatment("the issue as it now stands, under its new key and project if it was moved", _read_issue)
_COMMENT = Treatment("comments move no key result")
_WORKLOG = Treatment("logged time moves no key result")
_LINK = Treatment("links between issues are not read; the issues tell of their own changes")
_SPRINT = Treatment("sprints are not read; the issue tells when it enters one")
_VERSION = Treatment("versions are not read; the issue tells of its own changes")
_PROJECT = Treatment("a project's own changes move no key result; its issues tell of theirs")
_SETTING = Treatment("properties, attachments, boards, people and settings move no key result")

TREATMENTS: Treatments = {
    "jira:issue_created": _ISSUE,
    "jira:issue_updated": _ISSUE,
    "jira:issue_deleted": Treatment("the issue is gone", _read_deleted),
    **dict.fromkeys(("comment_created", "comment_updated", "comment_deleted"), _COMMENT),
    **dict.fromkeys(("worklog_created", "worklog_updated", "worklog_deleted", "jira:worklog_updated"), _WORKLOG),
    **dict.fromkeys(("issuelink_created", "issuelink_deleted"), _LINK),
    **dict.fromkeys(
        ("sprint_created", "sprint_updated", "sprint_deleted", "sprint_started", "sprint_closed"),
        _SPRINT,
    ),
    **dict.fromkeys(
        (
            "jira:version_created",
            "jira:version_updated",
            "jira:version_deleted",
            "jira:version_released",
            "jira:version_unreleased",
            "jira:version_moved",
        ),
        _VERSION,
    ),
    **dict.fromkeys(
        (
            "project_created",
            "project_updated",
            "project_deleted",
            "project_soft_deleted",
            "project_restored_deleted",
            "project_archived",
            "project_restored_archived",
        ),
        _PROJECT,
    ),
    **dict.fromkeys(
        (
            "issue_property_set",
            "issue_property_deleted",
            "attachment_created",
            "attachment_deleted",
            "board_created",
            "board_updated",
            "board_deleted",
            "board_configuration_changed",
            "user_created",
            "user_updated",
            "user_deleted",
        ),
        _SETTING,
    ),
    "*": Treatment("OKR Sync has no use for deliveries of this kind"),
}
"""Every event we know of and what follows from it; `*` stands for whatever is not listed."""


def treatment_of(name: str) -> Treatment:
    """Find the treatment of a delivery by its event."""
    return TREATMENTS.get(name) or TREATMENTS["*"]
