"""JSON Schema of measures: the settings of each kind, with their defaults; and of ranges to stay in."""

from collections.abc import Callable, Mapping
from typing import Any

from sync_service.domain.measures.kinds.meets import NUMBERS, OPERATORS
from sync_service.domain.measures.setting_values import CHOICES, MOST_STEPS, TAKES
from sync_service.domain.measures.settings import DEFAULTS
from sync_service.domain.rules.conditions import DATES, FIELDS, GROUPS

Schema = dict[str, Any]

_WINDOW_OF_DAYS = r"^([1-9][0-9]{0,3}d|cycle)$"
_WINDOW_OF_WEEKS = r"^[1-9][0-9]{0,2}w$"
_PERCENTILE = r"^(median|p[1-9][0-9]?)$"


def measure_schema() -> Schema:
    """Return the schema of a measure: one alternative for each kind, with its settings."""
    return {
        "description": "How the value follows from linked issues, steps or check-ins",
        "oneOf": [_kind(kind, defaults) for kind, defaults in DEFAULTS.items()],
    }


def _kind(kind: str, defaults: Mapping[str, Any]) -> Schema:
    required = [name for name, default in defaults.items() if default is None]
    return {
        "type": "object",
        "properties": {"kind": {"const": kind}} | {name: _setting(name, kind) for name in defaults},
        "required": ["kind", *required],
        "additionalProperties": False,
    }


def _setting(name: str, kind: str) -> Schema:
    default = DEFAULTS[kind][name]
    written = {"enum": list(CHOICES[name])} if name in CHOICES else _SETTINGS[name](kind)
    return written | {"description": _DESCRIPTIONS[name]} | ({} if default is None else {"default": default})


def _text(kind: str) -> Schema:  # noqa: ARG001 - one signature for all settings
    return {"type": "string", "minLength": 1, "maxLength": 200}


def _take(kind: str) -> Schema:
    return {"enum": list(TAKES)} if kind == "field" else {"type": "string", "pattern": _PERCENTILE}


def _window(kind: str) -> Schema:
    return {"type": "string", "pattern": _WINDOW_OF_WEEKS if kind == "throughput" else _WINDOW_OF_DAYS}


def _steps(kind: str) -> Schema:  # noqa: ARG001 - one signature for all settings
    step: Schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "what is done, each name once"},
            "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1, "description": "its share of the whole"},
            "issue": {"type": "string", "pattern": ".:.", "description": "CONNECTION:KEY; done with this issue"},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    return {"type": "array", "minItems": 1, "maxItems": MOST_STEPS, "items": step}


_SETTINGS: Mapping[str, Callable[[str], Schema]] = {
    "weight": _text,
    "field": _text,
    "unestimated": lambda _: {"type": "number", "minimum": 0},
    "doing": lambda _: {"type": "number", "minimum": 0, "maximum": 1},
    "take": _take,
    "window": _window,
    "meets": lambda _: {"$ref": "#/$defs/Meets"},
    "steps": _steps,
}

_DESCRIPTIONS: Mapping[str, str] = {
    "weight": "count, points or the name of a number field: what an issue counts",
    "unestimated": "what an issue without the number counts",
    "doing": "how much of an issue in progress is done, from 0 to 1",
    "dropped": "leave dropped work out, or count it as done or as open",
    "within": "which closed issues count",
    "field": "points or the name of a number field",
    "take": "which of the numbers is the value",
    "days": "how durations are counted",
    "window": "which done issues count: the last days or weeks, today included, or the cycle",
    "meets": "a condition on issues, their lead_time and cycle_time in days, and how often they were reopened",
    "steps": "a list of steps, each with a name",
}


def meets_schema(condition: Schema) -> Schema:
    """Return the schema of the condition of `share-meeting`: that of rules, and limits of numbers besides."""
    members = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Meets"}}
    groups = {
        "type": "object",
        "properties": dict.fromkeys(GROUPS, members),
        "minProperties": 1,
        "additionalProperties": False,
    }
    fields = {name for name in FIELDS if name not in DATES}
    leaves = [leaf for leaf in condition["anyOf"] if leaf["properties"].get("field", {}).get("const") in fields]
    limits = [_limit(field, operator) for field in NUMBERS for operator in OPERATORS]
    return {"description": "A condition on issues and on numbers of them", "anyOf": [groups, *leaves, *limits]}


def _limit(field: str, operator: str) -> Schema:
    return {
        "type": "object",
        "properties": {"field": {"const": field}, operator: {"type": "number", "minimum": 0}},
        "required": ["field", operator],
        "additionalProperties": False,
    }
