"""Fields that an organisation gives its issues, such as a number of points.

https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/managing-issue-fields-in-your-organization
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from simulator.github.bodies import Body, moment

FieldType = Literal["text", "date", "number", "single_select"]
FieldValue = str | float
"""A text, an ISO date, a number, or the name of an option."""

_COLOURS = ("gray", "blue", "green", "yellow", "orange", "red", "pink", "purple")


@dataclass(frozen=True)
class IssueField:
    """A field; `options` are the choices of a `single_select`, each with its id."""

    id: int
    node_id: str
    name: str
    type: FieldType
    created: datetime
    options: tuple[tuple[int, str], ...] = ()

    def check(self, value: FieldValue) -> None:
        """Raise `ValueError` for a value that the field cannot have."""
        right: Any = {
            "number": isinstance(value, int | float),
            "single_select": value in [name for _, name in self.options],
        }.get(self.type, isinstance(value, str))
        if not right:
            raise ValueError(f"{value!r} is no {self.type} that the field {self.name} can have")

    def option(self, name: FieldValue) -> Body:
        """Write one of its options."""
        place, (id_, found) = next((place, each) for place, each in enumerate(self.options) if each[1] == name)
        return {"id": id_, "name": found, "color": _COLOURS[place % len(_COLOURS)]}


def field_body(field: IssueField) -> Body:
    """Write a field as the organisation's list has it."""
    stamps = {"created_at": moment(field.created), "updated_at": moment(field.created)}
    options = [{**field.option(name), "description": None, "priority": None, **stamps} for _, name in field.options]
    return {
        "id": field.id,
        "node_id": field.node_id,
        "name": field.name,
        "description": None,
        "data_type": field.type,
        "visibility": "all",
        "options": options or None,
        **stamps,
    }


def value_body(field: IssueField, value: FieldValue) -> Body:
    """Write the value of a field as an issue carries it."""
    choice = {"single_select_option": field.option(value)} if field.type == "single_select" else {}
    return {
        "issue_field_id": field.id,
        "issue_field_name": field.name,
        "node_id": f"IFV_{field.node_id.partition('_')[2]}",
        "data_type": field.type,
        "value": value,
        **choice,
    }


def told_field(field: IssueField) -> Body:
    """Write a field as the message of a change names it."""
    return {"id": field.id, "name": field.name, "field_type": field.type}


def told_value(field: IssueField, value: FieldValue) -> Body:
    """Write a value as the message of a change has it."""
    if field.type == "single_select":
        return {"id": field.id, "option": {**field.option(value), "description": None}}
    return {"id": field.id, "value": value}
