"""Write issue fields and their values as JSON, in lists, in issues and in the webhook of a change."""

from simulator.github.json.common import Json, moment
from simulator.github.model.fields import FieldValue, IssueField

_COLOURS = ("gray", "blue", "green", "yellow", "orange", "red", "pink", "purple")


def field_json(field: IssueField) -> Json:
    """Write a field as the organisation's list has it."""
    stamps = {"created_at": moment(field.created), "updated_at": moment(field.created)}
    options = [{**_option(field, name), "description": None, "priority": None, **stamps} for _, name in field.options]
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


def value_json(field: IssueField, value: FieldValue) -> Json:
    """Write the value of a field as an issue carries it."""
    choice = {"single_select_option": _option(field, value)} if field.type == "single_select" else {}
    return {
        "issue_field_id": field.id,
        "issue_field_name": field.name,
        "node_id": f"IFV_{field.node_id.partition('_')[2]}",
        "data_type": field.type,
        "value": value,
        **choice,
    }


def changed_field_json(field: IssueField) -> Json:
    """Write a field as the message of a change names it."""
    return {"id": field.id, "name": field.name, "field_type": field.type}


def changed_value_json(field: IssueField, value: FieldValue) -> Json:
    """Write a value as the message of a change has it."""
    if field.type == "single_select":
        return {"id": field.id, "option": {**_option(field, value), "description": None}}
    return {"id": field.id, "value": value}


def _option(field: IssueField, name: FieldValue) -> Json:
    index, (id_, found) = next((index, each) for index, each in enumerate(field.options) if each[1] == name)
    return {"id": id_, "name": found, "color": _COLOURS[index % len(_COLOURS)]}
