"""Table of Jira's webhook events: each event's parser, or the reason why we ignore it.

The body names the event, no header does. Its `issue_event_type_name` is missing on old servers and unreliable
elsewhere, so only the issue and the changelog are used.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from connectors.jira.model.requested_fields import needs_field_catalogue, unclear_fields
from connectors.jira.model.snapshots import identity_and_key, read_issue
from connectors.jira.webhook.parse_comments import comment_on, read_comment
from connectors.jira.webhook.parse_links import NOT_USED, read_link
from connectors.jira.webhook.parse_projects import read_project, read_sprint, read_version
from connectors.json_fields import Json, exact_text, json_object
from connectors.webhook import EventRule, EventRules
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Observation, Tombstone


def _read_issue(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    issue, changelog = json_object(payload.get("issue")), json_object(payload.get("changelog"))
    seen, commented = read_issue(issue, connection, changelog=changelog), comment_on(payload)
    if isinstance(seen, FetchNeeded):
        return (seen, *commented)
    fields = json_object(issue.get("fields"))
    if connection.has_credentials and needs_field_catalogue(fields, connection):
        reason = "webhooks name custom fields by id only, and the site's fields are not known here yet"
        return (seen, *commented, FetchNeeded(identity=seen.identity, key=seen.key, reason=reason))
    return (seen, *commented, *map(Ignored, unclear_fields(fields, connection, changelog)))


def _read_archived(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    return _read_issue(_with_fields(payload, archiveddate=payload.get("timestamp")), connection)


def _read_restored(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    return _read_issue(_with_fields(payload, archiveddate=None, updated=payload.get("timestamp")), connection)


def _with_fields(payload: Json, **changes: object) -> Json:
    """Return a delivery whose issue, if it is there with its fields, has these too: its own time stays as it was."""
    issue = json_object(payload.get("issue"))
    fields = json_object(issue.get("fields"))
    return {**payload, "issue": {**issue, "fields": {**fields, **changes}}} if fields else payload


def _read_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    identity, key = identity_and_key(json_object(payload.get("issue")))
    return (Tombstone(identity=identity, key=key),)


_ISSUE = EventRule(
    "the issue as it is now, under its new key and project if it was moved; and the comment, if there is one",
    _read_issue,
)
_ARCHIVED = EventRule("the issue counts as dropped, unless it was done, until it is restored", _read_archived)
_RESTORED = EventRule("the issue counts as its status says again", _read_restored)
_COMMENT = EventRule("links the key results that a `/okr` line in the comment asks for", read_comment)
_WORKLOG = EventRule("logged time changes no key result")
_LINK = EventRule(NOT_USED, read_link)
_SPRINT = EventRule("the sprint's name; issue webhooks say when an issue enters or leaves a sprint", read_sprint)
_VERSION = EventRule("the version's name; issue webhooks say when an issue enters or leaves a version", read_version)
_GONE = EventRule("values that use this project are stale until it is back", read_project)
_BACK = EventRule("the project can be watched again", read_project)
_SETTING = EventRule("properties, attachments, boards, people and settings change no key result")

EVENT_RULES: EventRules = {
    "jira:issue_created": _ISSUE,
    "jira:issue_updated": _ISSUE,
    "jira:issue_deleted": EventRule("the issue is gone", _read_deleted),
    "jira:issue_archived": _ARCHIVED,
    **dict.fromkeys(("jira:issue_restored", "jira:issue_unarchived"), _RESTORED),
    **dict.fromkeys(("comment_created", "comment_updated", "comment_deleted"), _COMMENT),
    **dict.fromkeys(("worklog_created", "worklog_updated", "worklog_deleted", "jira:worklog_updated"), _WORKLOG),
    **dict.fromkeys(("issuelink_created", "issuelink_deleted"), _LINK),
    "sprint_created": EventRule("no issue is in a new sprint yet"),
    **dict.fromkeys(("sprint_updated", "sprint_started", "sprint_closed"), _SPRINT),
    "sprint_deleted": EventRule("removes the sprint from its issues", read_sprint),
    "jira:version_created": EventRule("no issue is in a new version yet"),
    **dict.fromkeys(("jira:version_updated", "jira:version_released", "jira:version_unreleased"), _VERSION),
    "jira:version_deleted": EventRule(
        "removes the version from its issues, or renames it to the version it was merged into", read_version
    ),
    "jira:version_moved": EventRule("the order of versions changes no key result"),
    "project_created": EventRule("a new project is not watched until the connection names it"),
    "project_updated": EventRule("the project's current key, and the keys of its issues", read_project),
    "project_deleted": EventRule("values that use this project stay stale for ever", read_project),
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
    "*": EventRule("OKR Sync does not use this event"),
}
"""Every known event and its rule; `*` is for any other event."""


def event_rule_for(name: str) -> EventRule:
    """Return the rule for an event."""
    return EVENT_RULES.get(name) or EVENT_RULES["*"]


def name_of(payload: Json) -> str:
    """Return the name of a delivery's event; raise `Rejected` when it has none."""
    name = exact_text(payload.get("webhookEvent"), 60)
    if name is None and json_object(payload.get("issue")) and json_object(payload.get("changelog")):
        # Post functions of old servers omit the name; only an update has an issue with a changelog.
        return "jira:issue_updated"
    if name is None:
        raise Rejected("the body has no webhookEvent")
    return name
