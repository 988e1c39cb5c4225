"""Table of Jira's webhook events: each event's parser, or the reason why we ignore it.

The body names the event, no header does. Its `issue_event_type_name` is missing on old servers and unreliable
elsewhere, so only the issue and the changelog are used.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from connectors.jira.model.requested_fields import are_fields_wanted, unclear_fields
from connectors.jira.model.snapshots import issue_seen, names
from connectors.jira.webhook.parse_comments import comment_on, read_comment
from connectors.jira.webhook.parse_projects import read_project, read_sprint, read_version
from connectors.json_fields import Json, table
from connectors.webhook import Treatment, Treatments
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Ignored, Look, Observation, Tombstone


def _read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    issue, changelog = table(payload.get("issue")), table(payload.get("changelog"))
    seen, commented = issue_seen(issue, connection, changelog=changelog), comment_on(payload)
    if isinstance(seen, Look):
        return (seen, *commented)
    fields = table(issue.get("fields"))
    if connection.has_credentials and are_fields_wanted(fields, connection):
        reason = "webhooks name custom fields by id only, and the site's fields are not known here yet"
        return (seen, *commented, Look(identity=seen.identity, key=seen.key, reason=reason))
    return (seen, *commented, *map(Ignored, unclear_fields(fields, connection, changelog)))


def _read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    identity, key = names(table(payload.get("issue")))
    return (Tombstone(identity=identity, key=key),)


_ISSUE = Treatment(
    "the issue as it is now, under its new key and project if it was moved; and the comment, if there is one",
    _read_issue,
)
_COMMENT = Treatment("links the key results that a `/okr` line in the comment asks for", read_comment)
_WORKLOG = Treatment("logged time changes no key result")
_LINK = Treatment("links between issues are not used; each issue sends its own webhook when it changes")
_SPRINT = Treatment("the sprint's name; issue webhooks say when an issue enters or leaves a sprint", read_sprint)
_VERSION = Treatment("the version's name; issue webhooks say when an issue enters or leaves a version", read_version)
_GONE = Treatment("values that use this project are stale until it is back", read_project)
_BACK = Treatment("the project can be watched again", read_project)
_SETTING = Treatment("properties, attachments, boards, people and settings change no key result")

TREATMENTS: Treatments = {
    "jira:issue_created": _ISSUE,
    "jira:issue_updated": _ISSUE,
    "jira:issue_deleted": Treatment("the issue is gone", _read_deleted),
    **dict.fromkeys(("comment_created", "comment_updated", "comment_deleted"), _COMMENT),
    **dict.fromkeys(("worklog_created", "worklog_updated", "worklog_deleted", "jira:worklog_updated"), _WORKLOG),
    **dict.fromkeys(("issuelink_created", "issuelink_deleted"), _LINK),
    "sprint_created": Treatment("no issue is in a new sprint yet"),
    **dict.fromkeys(("sprint_updated", "sprint_started", "sprint_closed"), _SPRINT),
    "sprint_deleted": Treatment("removes the sprint from its issues", read_sprint),
    "jira:version_created": Treatment("no issue is in a new version yet"),
    **dict.fromkeys(("jira:version_updated", "jira:version_released", "jira:version_unreleased"), _VERSION),
    "jira:version_deleted": Treatment(
        "removes the version from its issues, or renames it to the version it was merged into", read_version
    ),
    "jira:version_moved": Treatment("the order of versions changes no key result"),
    "project_created": Treatment("a new project is not watched until the connection names it"),
    "project_updated": Treatment("the project's current key, and the keys of its issues", read_project),
    "project_deleted": Treatment("values that use this project stay stale for ever", read_project),
    **dict.fromkeys(("project_soft_deleted", "project_archived"), _GONE),
    **dict.fromkeys(("project_restored_deleted", "project_restored_archived"), _BACK),
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
    "*": Treatment("OKR Sync does not use this event"),
}
"""Every known event and its rule; `*` is for any other event."""


def treatment_of(name: str) -> Treatment:
    """Return the rule for an event."""
    return TREATMENTS.get(name) or TREATMENTS["*"]
