"""Read the custom fields that a connection names, by id or by name.

A field that an issue does not show is unknown, not empty: the account may have lost the permission to see it.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/
"""

from collections.abc import Iterator

from connectors.field_values import read_value
from connectors.jira.api.field_catalogue import (
    SPRINT,
    Field,
    FieldCatalogue,
    field_catalogue_of,
    is_field_id,
    same_name,
)
from connectors.jira.model.accounts import account
from connectors.jira.model.parent import came_from
from connectors.json_fields import Json, json_objects
from connectors.number_values import Unreadable
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.fields.custom_fields import CustomField, CustomValue, FieldType, custom_fields_of

_TYPES = {
    "string": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "date": FieldType.DATE,
    "datetime": FieldType.DATE,
    "option": FieldType.OPTION,
    "option-with-child": FieldType.OPTION,
    "version": FieldType.OPTION,
    "group": FieldType.OPTION,
    "project": FieldType.OPTION,
    "user": FieldType.PERSON,
}
_SEVERAL = {FieldType.OPTION: FieldType.OPTIONS, FieldType.TEXT: FieldType.OPTIONS, FieldType.PERSON: FieldType.PERSON}
_NOT_READ = (SPRINT, "com.atlassian.jira.plugin.system.customfieldtypes:textarea")
"""Sprints have a field of their own; of a text of several lines, webhooks and calls show different forms."""


def type_of(field: Field) -> FieldType | None:
    """Return the type of a field as the site says it; None when it has none of ours."""
    if field.custom in _NOT_READ:
        return None
    if field.kind == "array":
        return _SEVERAL.get(_TYPES.get(field.items, FieldType.DATE))
    return _TYPES.get(field.kind)


def custom_values_in(
    fields: Json, connection: Connection, *, changelog: Json, project: str | None
) -> tuple[tuple[CustomValue, ...], tuple[str, ...]]:
    """Return the known values, and texts on what is unclear about others."""
    found, unclear = [], []
    for one in custom_fields_of(connection.options).values():
        value = _value(one, fields, connection, changelog, project)
        if isinstance(value, CustomValue):
            found.append(value)
        elif value is not None:
            unclear.append(value)
    return tuple(found), tuple(unclear)


def ids_of_custom_fields(connection: Connection) -> Iterator[str]:
    """Yield the known ids of the fields that the connection names."""
    known = field_catalogue_of(connection) or FieldCatalogue()
    for one in custom_fields_of(connection.options).values():
        yield from (one.field,) if is_field_id(one.field) else (each.id for each in known.named(one.field))


def unclear_field(one: CustomField, known: FieldCatalogue, project: str | None) -> str | None:
    """Return why a field of a connection can't be read by a catalogue; None where it can."""
    found = _described(one, known, project)
    if len(found) > 1:
        ids = " or ".join(each.id for each in found[:4])
        return f"several fields are called {one.field}: set fields.{one.name} to the id of one, {ids}"
    if not found:
        return None if known.named(one.field) else f"fields.{one.name} names {one.field}, but no field has this name"
    if found[0].custom in _NOT_READ or (one.type is None and type_of(found[0]) is None):
        return f"fields.{one.name} names {found[0].name}, a field of a kind that can't be read"
    return None


def _described(one: CustomField, known: FieldCatalogue, project: str | None) -> tuple[Field, ...]:
    if is_field_id(one.field):
        return tuple(each for each in known.fields if each.id == one.field)
    return known.named(one.field, project=project)


def _value(
    one: CustomField, fields: Json, connection: Connection, changelog: Json, project: str | None
) -> CustomValue | str | None:
    """Return the value of a field; None when it is unknown, a text when that has a reason."""
    known = field_catalogue_of(connection)
    usable = known if known is not None and not known.problem else None
    described = _described(one, usable, project) if usable else ()
    by_name = not is_field_id(one.field)
    if usable and (by_name or described) and (reason := unclear_field(one, usable, project)):
        return reason
    kind = one.type or (type_of(described[0]) if described else None)
    if kind is None:
        return None if usable is None else _elsewhere(one, fields)
    field_id = one.field if not by_name else described[0].id if described else _changed_id(changelog, one.field)
    if field_id is None or field_id not in fields:
        has_none = came_from(changelog) is not None or (usable is not None and by_name and not described)
        return CustomValue(one.field, kind, ()) if has_none else None
    read = read_value(kind, fields[field_id], account)
    if isinstance(read, Unreadable):
        return f"its {one.name} is unknown: {read.shown} is no {kind.value}"
    return CustomValue(one.field, kind, read)


def _elsewhere(one: CustomField, fields: Json) -> str | None:
    """Return that the type of a field is unknown, where the issue shows the field."""
    shown = one.field in fields
    return f"the type of fields.{one.name} is unknown: write it, as {{field: …, type: …}}" if shown else None


def _changed_id(changelog: Json, name: str) -> str | None:
    """Return the id of a field that a change names."""
    ids = [item.get("fieldId") for item in json_objects(changelog.get("items")) if same_name(item.get("field"), name)]
    return next((one for one in reversed(ids) if isinstance(one, str)), None)
