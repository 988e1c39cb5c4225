"""Convert an issue's JSON to a snapshot: Cloud and Data Center, webhooks and fetches.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from connectors.jira.model.accounts import account
from connectors.jira.model.custom_fields import custom_values_in
from connectors.jira.model.number_fields import numbers_in, points_in
from connectors.jira.model.parent import came_from, parent_in
from connectors.jira.model.sprints_and_versions import components_in, sprints_in, versions_in
from connectors.json_fields import TITLE_LENGTH, Json, exact_text, identifier, json_object, required, text, timestamp
from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import (
    CLOSED,
    FetchNeeded,
    Kind,
    ScopeRef,
    Snapshot,
    State,
    Term,
)

DROPPED_RESOLUTIONS = (
    "Abandoned",
    "Can't Reproduce",
    "Canceled",
    "Cancelled",
    "Cannot Reproduce",
    "Declined",
    "Duplicate",
    "Incomplete",
    "Invalid",
    "Not a Bug",
    "Obsolete",
    "Rejected",
    "Won't Do",
    "Won't Fix",
)
"""Resolutions of issues that were closed without doing the work; a connection may set others."""

ARCHIVED = "archived"
"""The resolution of an issue that was archived before it was done."""

KEY = re.compile(r"[A-Z][A-Z0-9_]+-[1-9][0-9]{0,18}", re.ASCII)
"""An issue key. https://support.atlassian.com/jira-cloud-administration/docs/edit-a-projects-details/"""

# The key of a status category is fixed; its name is translated and can be changed.
_STATES: Mapping[object, State] = {"new": State.TODO, "indeterminate": State.DOING, "done": State.DONE}


def identity_and_key(issue: Json) -> tuple[str, str]:
    """Return identity and key: a move between projects changes the key, not the id."""
    found = required(identifier(issue.get("id")), "the issue's id")
    return found, required(exact_text(issue.get("key")), "the issue's key")


def read_issue(issue: Json, connection: Connection, *, changelog: Json, asked: bool = False) -> Snapshot | FetchNeeded:
    """Read an issue; return `FetchNeeded` when the JSON is incomplete, as in Cloud's comment webhooks.

    `connection` has the field catalogue if it is `ConnectionWithFields`. `asked`: the JSON is from a call, not from a
    webhook.
    """
    identity, key = identity_and_key(issue)
    fields = json_object(issue.get("fields"))
    status, project = json_object(fields.get("status")), json_object(fields.get("project"))
    updated_at = timestamp(fields.get("updated"))
    project_id, project_key = identifier(project.get("id")), exact_text(project.get("key"))
    if updated_at is None or not status or project_id is None or project_key is None:
        return FetchNeeded(identity=identity, key=key, reason="the delivery holds only a part of the issue")
    archived_at = timestamp(fields.get("archiveddate"))
    if archived_at is not None:  # archiving does not change the issue's own time
        updated_at = max(updated_at, archived_at)
    state, resolution = state_in(fields, connection)
    points, points_known, _ = points_in(fields, connection, changelog=changelog, project=project_id)
    numbers, _ = numbers_in(fields, connection, changelog=changelog, project=project_id)
    custom_fields, _ = custom_values_in(fields, connection, changelog=changelog, project=project_id)
    return Snapshot(
        identity=identity,
        scope=ScopeRef(project_id, project_key),
        key=key,
        kind=Kind.ISSUE,
        title=text(fields.get("summary"), TITLE_LENGTH) or key,
        url=f"{connection.site.rstrip('/')}/browse/{quote(key)}",
        state=state,
        updated_at=updated_at,
        type=text(json_object(fields.get("issuetype")).get("name")),
        resolution=resolution,
        labels=_labels(fields),
        parent=parent_in(fields, connection, changelog=changelog, asked=asked),
        assignees=tuple(person for person in (account(json_object(fields.get("assignee"))),) if person),
        author=account(json_object(fields.get("creator"))) or account(json_object(fields.get("reporter"))),
        priority=text(json_object(fields.get("priority")).get("name")),
        points=points,
        points_known=points_known,
        components=components_in(fields),
        versions=versions_in(fields),
        sprints=sprints_in(fields, connection, changelog),
        numbers=numbers,
        custom_fields=custom_fields,
        created_at=timestamp(fields.get("created")),
        closed_at=(timestamp(fields.get("resolutiondate")) or archived_at) if state in CLOSED else None,
        entered_category_at=timestamp(fields.get("statuscategorychangedate")),
        came_from=came_from(changelog),
    )


def state_in(fields: Json, connection: Connection) -> tuple[State, str | None]:
    """Return state and resolution, by the status; ignore an old resolution on a reopened issue.

    An archived issue that was not done is dropped: nobody can work on it, and it would be open for ever.
    """
    category = json_object(json_object(fields.get("status")).get("statusCategory")).get("key")
    found = json_object(fields.get("resolution"))
    resolution, number = text(found.get("name")), identifier(found.get("id"))
    state = state_of(category if isinstance(category, str) else "", resolution, number, connection)
    if state in CLOSED:
        return state, resolution
    return (State.DROPPED, ARCHIVED) if fields.get("archiveddate") else (state, None)


def state_of(category: str, resolution: str | None, number: str | None, connection: Connection) -> State:
    """Return the state in a category of statuses, with a resolution, given by its name and id."""
    state = _STATES.get(category, State.TODO)
    if state is not State.DONE:
        return state
    dropped = _dropped_resolutions(connection)
    is_dropped = (resolution is not None and _plain(resolution) in dropped) or number in dropped
    return State.DROPPED if is_dropped else State.DONE


def _dropped_resolutions(connection: Connection) -> frozenset[str]:
    given = "dropped_resolutions" in connection.options
    chosen = connection.texts("dropped_resolutions") if given else DROPPED_RESOLUTIONS
    return frozenset(_plain(name) for name in chosen)


def _plain(name: str) -> str:
    return folded(name.strip()).replace("’", "'")  # noqa: RUF001  people and Jira use both apostrophes


def _labels(fields: Json) -> tuple[Term, ...]:
    labels = fields.get("labels")
    found = {name for label in (labels if isinstance(labels, list) else []) if (name := text(label))}
    return tuple(Term(name, name) for name in sorted(found))
