"""Parse webhooks about projects, versions and sprints: renamed, deleted, archived, restored.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from collections.abc import Mapping
from datetime import datetime

from connectors.json_fields import Json, exact_text, identifier, json_object, required, text, timestamp
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Observation, ScopeRef, ScopeSeen, TermKind, TermSeen

_GONE: Mapping[str, str] = {
    "project_deleted": "the project was deleted",
    "project_soft_deleted": "the project was moved to the trash",
    "project_archived": "the project was archived",
}
_BACK = ("project_restored_deleted", "project_restored_archived")


def read_project(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read a project's change; its id is required, its key is optional."""
    project, name = json_object(payload.get("project")), str(payload.get("webhookEvent"))
    found = required(identifier(project.get("id")), "the project's id")
    return (
        ScopeSeen(
            scope=ScopeRef(found, exact_text(project.get("key")) or ""),
            gone=_GONE.get(name),
            for_good=name == "project_deleted",
            returned=name in _BACK,
            at=_sent_at(payload),
        ),
    )


def read_version(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a version; a deleted version may have been merged into another."""
    version, into = json_object(payload.get("version")), payload.get("mergedTo")
    deleted = payload.get("webhookEvent") == "jira:version_deleted"
    # Jira sends the whole version, or its id only.
    merged_into = (identifier(json_object(into).get("id")) or identifier(into)) if deleted else None
    name = text(json_object(into).get("name")) if deleted else required(text(version.get("name")), "the version's name")
    return (
        TermSeen(
            kind=TermKind.VERSION,
            id=required(identifier(version.get("id")), "the version's id"),
            name=name,
            at=_sent_at(payload),
            merged_into=merged_into,
        ),
    )


def read_sprint(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a sprint."""
    sprint = json_object(payload.get("sprint"))
    deleted = payload.get("webhookEvent") == "sprint_deleted"
    return (
        TermSeen(
            kind=TermKind.SPRINT,
            id=required(identifier(sprint.get("id")), "the sprint's id"),
            name=None if deleted else required(text(sprint.get("name")), "the sprint's name"),
            at=_sent_at(payload),
        ),
    )


def _sent_at(payload: Json) -> datetime | None:
    return timestamp(payload.get("timestamp"))
