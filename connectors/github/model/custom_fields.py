"""Read custom fields: values of issue fields in the shape of REST, values of projects in that of GraphQL.

https://docs.github.com/en/rest/issues/issue-field-values
https://docs.github.com/en/graphql/reference/unions#projectv2itemfieldvalue
"""

from typing import Any

from connectors.field_values import read_value
from connectors.json_fields import Json
from connectors.number_values import Unreadable
from sync_service.domain.trackers.fields.custom_fields import CustomField, CustomValue, FieldType

_TYPES = {
    "text": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "date": FieldType.DATE,
    "single_select": FieldType.OPTION,
    "multi_select": FieldType.OPTIONS,
}
DATA_TYPES = {
    "IssueFieldTextValue": "text",
    "IssueFieldNumberValue": "number",
    "IssueFieldDateValue": "date",
    "IssueFieldSingleSelectValue": "single_select",
}
"""The types of issue fields as REST names them, by GraphQL's types of their values."""

_KEYS = {
    "text": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "date": FieldType.DATE,
    "name": FieldType.OPTION,
    "title": FieldType.OPTION,
}
"""The key that tells the type of a value of a project; `title` is that of an iteration."""

OPTIONS_HIDDEN = "options_hidden"
"""Marks an issue of which a query does not show fields with several options."""


def read_row(one: CustomField, row: Json) -> CustomValue | str | None:
    """Return the value of an issue field."""
    kind = one.type or _TYPES.get(str(row.get("data_type")))
    several = row.get("multi_select_options")
    return _read(one, kind, several if isinstance(several, list) else row.get("value"))


def read_node(one: CustomField, node: Json) -> CustomValue | str | None:
    """Return a value of a project. An iteration is an option by its title, a date by its first day."""
    key = next((key for key in _KEYS if key in node), None)
    if key is None:
        return none_of(one)
    kind = one.type or _KEYS[key]
    return _read(one, kind, node.get("startDate") if key == "title" and kind is FieldType.DATE else node[key])


def none_of(one: CustomField) -> CustomValue:
    """Return that an issue has no value; where the type is not known, no text."""
    return CustomValue(one.field, one.type or FieldType.TEXT, ())


def _read(one: CustomField, kind: FieldType | None, value: Any) -> CustomValue | str | None:
    if kind is None:
        return f"the type of fields.{one.name} is unknown: write it, as {{field: …, type: …}}"
    found = read_value(kind, value)
    if isinstance(found, Unreadable):
        return f"its {one.name} is unknown: {found.shown} is no {kind.value}"
    return CustomValue(one.field, kind, found)
