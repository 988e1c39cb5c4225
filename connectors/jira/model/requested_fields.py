"""The `fields=` parameter of issue calls, and what a webhook leaves unknown without the field catalogue."""

from collections.abc import Sequence

from connectors.jira.api.field_catalogue import SPRINT, field_catalogue_of, is_field_id
from connectors.jira.model.custom_fields import custom_values_in, ids_of_custom_fields
from connectors.jira.model.number_fields import ids_of_numbers, numbers_in, points_in
from connectors.jira.model.parent import link_fields
from connectors.json_fields import Json, identifier, json_object
from sync_service.domain.trackers.connector import Connection

_FIELDS = (
    "summary", "status", "project", "issuetype", "resolution", "resolutiondate", "statuscategorychangedate",
    "labels", "components", "fixVersions", "parent", "assignee", "creator", "reporter", "priority", "created",
    "updated", "archiveddate",
)  # fmt: skip

MOST_NAMED = 60
"""Most custom fields in a URL, which must not get too long; with more, request all fields."""


def requested_fields(connection: Connection) -> tuple[str, ...]:
    """Return the fields to request: the standard ones, and the known custom fields that we use."""
    known = field_catalogue_of(connection)
    sprints = known.of_type(SPRINT) if known else ()
    custom = dict.fromkeys(
        (*ids_of_numbers(connection), *ids_of_custom_fields(connection), *sprints, *link_fields(connection))
    )
    return (*_FIELDS, *custom) if len(custom) <= MOST_NAMED else ("*all",)


def needs_field_catalogue(fields: Json, connection: Connection) -> bool:
    """Return whether a webhook has custom fields while the field catalogue is unknown."""
    return field_catalogue_of(connection) is None and any(
        is_field_id(name) and value is not None for name, value in fields.items()
    )


def unclear_fields(fields: Json, connection: Connection, changelog: Json) -> Sequence[str]:
    """Return why settings don't lead to exactly one field of an issue; empty when they do."""
    project = identifier(json_object(fields.get("project")).get("id"))
    _, _, points = points_in(fields, connection, changelog=changelog, project=project)
    _, numbers = numbers_in(fields, connection, changelog=changelog, project=project)
    _, custom = custom_values_in(fields, connection, changelog=changelog, project=project)
    return (*((points,) if points else ()), *numbers, *custom)
