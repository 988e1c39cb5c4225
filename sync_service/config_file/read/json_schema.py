"""JSON Schema of the configuration file, for editors and for people who generate files."""

from collections.abc import Iterable, Mapping
from typing import Any, Union

from pydantic import Field, create_model

from sync_service.config_file.read.field_types import Form
from sync_service.config_file.read.measure_schema import measure_schema, meets_schema
from sync_service.config_file.read.models import CREDENTIALS, SECTIONS, connection_models
from sync_service.config_file.read.settings_models import Organisation
from sync_service.domain.rules.conditions import FIELD_CHOICES, FIELDS, GROUPS
from sync_service.domain.rules.field_tests import custom_values, days
from sync_service.domain.trackers.connector import Connector

Schema = dict[str, Any]


def schema(connectors: Iterable[Connector]) -> Schema:
    """Return the schema (JSON Schema 2020-12), with the options of these connectors."""
    kinds = tuple(connection_models(connectors).values())
    forms: Mapping[str, Any] = {**SECTIONS, "connections": Union[kinds]}  # noqa: UP007 - built from a tuple
    fields: dict[str, Any] = {name: (list[form], Field(default=[])) for name, form in forms.items()}  # type: ignore[valid-type] # a model known only at run time
    fields["organisation"] = (Organisation, Field(default={}))
    model = create_model("Configuration", __base__=Form, __doc__="The configuration of OKR Sync.", **fields)
    document = model.model_json_schema()
    definitions = document["$defs"]
    definitions["Condition"] = _condition()
    definitions["Meets"] = meets_schema(definitions["Condition"])
    definitions["Measure"] = measure_schema()
    _set_reference(definitions["Rule"]["properties"], "when", "Condition")
    _set_reference(definitions["KeyResult"]["properties"], "measure", "Measure")
    for definition in definitions.values():
        others = [name for name in CREDENTIALS if name != "token" and name in definition.get("properties", {})]
        if others:
            definition["not"] = {"anyOf": [{"required": ["token", name]} for name in others]}
    definitions["Stay"] |= {"minProperties": 1, "maxProperties": 1}
    definitions["KeyResult"]["not"] = {
        "required": ["stay"],
        "anyOf": [{"required": ["start"]}, {"required": ["target"]}],
    }
    definitions["Rule"]["oneOf"] = [{"required": ["when"]}, {"required": ["query"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def _set_reference(properties: Schema, name: str, definition: str) -> None:
    properties[name] = {"$ref": f"#/$defs/{definition}", "description": properties[name]["description"]}


def _condition() -> Schema:
    """Return the schema of a condition: a leaf for each field and operator, or groups of conditions."""
    leaves = [_leaf(field, operator) for field, operators in FIELDS.items() for operator in operators]
    leaves += [_custom_leaf(operator) for operator in custom_values.ALL_OPERATORS]
    members = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Condition"}}
    groups = {
        "type": "object",
        "properties": dict.fromkeys(GROUPS, members),
        "minProperties": 1,
        "additionalProperties": False,
    }
    return {"description": "A condition on issues; text is compared case-insensitively", "anyOf": [groups, *leaves]}


def _custom_leaf(operator: str) -> Schema:
    """Return the schema of a test of a custom field, whatever its type is."""
    value: Schema = {"type": "string", "minLength": 1}
    if operator in custom_values.NUMBERS:
        value = {"type": "number"}
    elif operator == "in":
        value = {"type": "array", "minItems": 1, "items": value}
    elif operator == "is":
        value = {"type": ["string", "number", "null"]}
    elif operator in days.OPERATORS:
        value = {"type": "string", "pattern": days.PATTERN}
    return {
        "type": "object",
        "properties": {"field": {"type": "string", "pattern": f"^{custom_values.PREFIX}"}, operator: value},
        "required": ["field", operator],
        "additionalProperties": False,
    }


def _leaf(field: str, operator: str) -> Schema:
    text: Schema = {"type": "string", "minLength": 1}
    if operator in days.OPERATORS:
        text["pattern"] = days.PATTERN
    if field in FIELD_CHOICES:
        text = {"enum": [str(choice) for choice in FIELD_CHOICES[field]]}
    value = {"type": "array", "minItems": 1, "items": text} if operator == "in" else text
    if operator == "is" and field not in FIELD_CHOICES:
        value = {"anyOf": [text, {"type": "null"}]}
    return {
        "type": "object",
        "properties": {"field": {"const": field}, operator: value},
        "required": ["field", operator],
        "additionalProperties": False,
    }
