"""What we do with each of Jira's webhook events, as a table, and the readers it names.

The body names its event, never a header; its `issue_event_type_name` is missing on old servers and unsure
elsewhere, so only the issue and the changelog are believed.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from connectors.fields import Json, table
from connectors.jira.commenting import comment_on, read_comment
from connectors.jira.places import read_project, read_sprint, read_version
from connectors.jira.snapshots import issue_seen, names
from connectors.jira.wanted import are_fields_wanted, unclear_fields
from connectors.letters import Treatment, Treatments
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Ignored, Look, Observation, Tombstone


def _read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    issue, changelog = table(payload.get("issue")), table(payload.get("changelog"))
    seen, commented = issue_seen(issue, connection, changelog=changelog), comment_on(payload)
    if isinstance(seen, Look):
        return (seen, *commented)
    fields = table(issue.get("fields"))
    if connection.has_credentials and are_fields_wanted(fields, connection):
        reason = "a webhook names custom fields by id alone, and which is which is not known here yet"
        return (seen, *commented, Look(identity=seen.identity, key=seen.key, reason=reason))
    return (seen, *commented, *map(Ignored, unclear_fields(fields, connection, changelog)))


def _read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    identity, key = names(table(payload.get("issue")))
    return (Tombstone(identity=identity, key=key),)


_ISSUE = Treatment(
    "the issue as it now stands, under its new key and project if it was moved; and a comment that came with it",
    _read_issue,
)
_COMMENT = Treatment("the key results that a line of `/okr` in the comment asks for are linked", read_comment)
_WORKLOG = Treatment("logged time moves no key result")
_LINK = Treatment("links between issues are not read; the issues tell of their own changes")
_SPRINT = Treatment("the sprint's name; the issue tells when it enters or leaves one", read_sprint)
_VERSION = Treatment("the version's name; the issue tells when it enters or leaves one", read_version)
_GONE = Treatment("what reaches the project is stale until it is back", read_project)
_BACK = Treatment("the project can be watched again", read_project)
_SETTING = Treatment("properties, attachments, boards, people and settings move no key result")

TREATMENTS: Treatments = {
    "jira:issue_created": _ISSUE,
    "jira:issue_updated": _ISSUE,
    "jira:issue_deleted": Treatment("the issue is gone", _read_deleted),
    **dict.fromkeys(("comment_created", "comment_updated", "comment_deleted"), _COMMENT),
    **dict.fromkeys(("worklog_created", "worklog_updated", "worklog_deleted", "jira:worklog_updated"), _WORKLOG),
    **dict.fromkeys(("issuelink_created", "issuelink_deleted"), _LINK),
    "sprint_created": Treatment("no issue is in a new sprint yet"),
    **dict.fromkeys(("sprint_updated", "sprint_started", "sprint_closed"), _SPRINT),
    "sprint_deleted": Treatment("the sprint is taken from its issues", read_sprint),
    "jira:version_created": Treatment("no issue is in a new version yet"),
    **dict.fromkeys(("jira:version_updated", "jira:version_released", "jira:version_unreleased"), _VERSION),
    "jira:version_deleted": Treatment(
        "the version is taken from its issues, or goes by the name of the one it was merged into", read_version
    ),
    "jira:version_moved": Treatment("the order of versions moves no key result"),
    "project_created": Treatment("a new project is watched once the connection names it"),
    "project_updated": Treatment("the project as it is now called, and its issues' keys after it", read_project),
    "project_deleted": Treatment("what reaches the project is stale for good", read_project),
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
    "*": Treatment("OKR Sync has no use for deliveries of this kind"),
}
"""Every event we know of and what follows from it; `*` stands for whatever is not listed."""


def treatment_of(name: str) -> Treatment:
    """Find the treatment of a delivery by its event."""
    return TREATMENTS.get(name) or TREATMENTS["*"]
