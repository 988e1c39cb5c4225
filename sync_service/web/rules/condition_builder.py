"""The condition builder of a rule: convert a condition to form rows (field, operator, value) or YAML text, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sync_service.domain.rules.conditions import (
    DATES,
    FIELD_CHOICES,
    FIELDS,
    GROUPS,
    SETS,
    RuleError,
    compile_condition,
)
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.custom_values import ALL_OPERATORS, LARGEST, NUMBERS, PREFIX, operators_of
from sync_service.domain.trackers.fields.custom_fields import CustomField, FieldType

IS_EMPTY = "nothing"
"""The operator of a row for an empty field; in a condition it is `{"field": F, "is": null}`."""

MAY_BE_EMPTY = (
    "type", "milestone", "parent", "under", "components", "versions", "sprint", "priority", "resolution", "assignee",
    "author",
)  # fmt: skip

LONGEST = 20_000
"""Maximum characters of a condition written as text."""

MOST_ROWS = 100
"""Maximum rows of the builder; a longer condition is shown as text."""

DEEPEST = 40
"""Maximum nesting depth of a text; more than a valid condition can have."""

WORDS: Mapping[str, str] = {
    "is": "is",
    "in": "is one of",
    "has": "include",
    "contains": "contains",
    "matches": "matches (with *)",
    "before": "is before",
    "after": "is after",
    "on": "is on",
    "above": "is above",
    "below": "is below",
    "at_least": "is at least",
    "at_most": "is at most",
    IS_EMPTY: "is empty",
}
SEVERAL_WORDS: Mapping[str, str] = {
    "is": "is",
    "has": "include",
    "in": "include one of",
    "contains": "include one with",
    "matches": "include one like (with *)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the builder. `number` stays the same while other rows are added and removed."""

    number: int
    field: str = "labels"
    operator: str = "has"
    values: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether the row has a value, or needs none."""
        return self.operator == IS_EMPTY or any(value.strip() for value in self.values)

    @property
    def text(self) -> str:
        """Return the values as one line."""
        return ", ".join(self.values)


Custom = Mapping[str, CustomField]
"""The custom fields of the draft's connection, by name."""

NONE: Custom = {}


def fields_of(custom: Custom) -> dict[str, tuple[str, ...]]:
    """Return the fields that a row may name, with their operators."""
    return {**FIELDS, **{PREFIX + name: operators_of(one.type) for name, one in custom.items()}}


def operators(field: str, custom: Custom = NONE) -> dict[str, str]:
    """Return the operators of a field: name → text in the form. Those of an unknown custom field are all there are."""
    names = fields_of(custom).get(field, ALL_OPERATORS)
    is_custom, several = field.startswith(PREFIX), names[0] == "has" or field in SETS
    offered = {name: (SEVERAL_WORDS if several and name in SEVERAL_WORDS else WORDS)[name] for name in names}
    if is_custom and "has" in offered and not several:
        del offered["has"]  # the same as `is`
    if is_custom and "before" in offered:
        del offered["is"]  # only with null
    return offered | {IS_EMPTY: WORDS[IS_EMPTY]} if field in MAY_BE_EMPTY or is_custom else offered


def is_day(field: str, custom: Custom = NONE) -> bool:
    """Return whether the values of a field are days."""
    return field in DATES or "before" in fields_of(custom).get(field, ())


def fit_row(row: Row, custom: Custom | None = None) -> Row:
    """Return the row with an operator and values that its field allows; None: any custom field may be named."""
    known = row.field in fields_of(custom or NONE) or (custom is None and row.field.startswith(PREFIX))
    field = row.field if known else "labels"
    offered = operators(field, custom or NONE)
    operator = row.operator if row.operator in offered else next(iter(offered))
    values = row.values
    if field in FIELD_CHOICES:
        values = tuple(value for value in values if value in FIELD_CHOICES[field])
    if operator != "in":
        values = values[:1]
    return Row(number=row.number, field=field, operator=operator, values=values)


def condition_from_rows(group: str, rows: Sequence[Row], custom: Custom = NONE) -> dict[str, Any]:
    """Return the condition of these rows. It may be invalid when a row is incomplete."""
    return {group: [_leaf(row, custom) for row in rows]}


def _leaf(row: Row, custom: Custom) -> dict[str, Any]:
    if row.operator == IS_EMPTY:
        return {"field": row.field, "is": None}
    if row.operator == "in":
        return {"field": row.field, "in": list(row.values)}
    value = row.values[0] if row.values else ""
    one = custom.get(row.field.removeprefix(PREFIX)) if row.field.startswith(PREFIX) else None
    if row.operator in NUMBERS or (one and one.type is FieldType.NUMBER):
        return {"field": row.field, row.operator: _number(value)}
    return {"field": row.field, row.operator: value}


def _number(written: str) -> float | str:
    """Return a number that a person wrote, or the text itself where it is none."""
    try:
        found = float(written.strip().replace(",", "."))
    except ValueError:
        return written
    return int(found) if found.is_integer() and abs(found) <= LARGEST else found


def rows_from_condition(condition: Mapping[str, Any]) -> tuple[str, tuple[Row, ...]] | None:
    """Return a valid condition as a group and its rows; None when only text can show it."""
    if "field" in condition:
        condition = {"all": [condition]}
    if len(condition) != 1:
        return None
    ((group, members),) = condition.items()
    if len(members) > MOST_ROWS:
        return None
    rows = [_row(number, member) for number, member in enumerate(members)]
    shown = tuple(row for row in rows if row is not None)
    return (group, shown) if len(shown) == len(rows) else None


def _row(number: int, leaf: Mapping[str, Any]) -> Row | None:
    if "field" not in leaf:
        return None
    field = leaf["field"]
    operator, value = next((name, value) for name, value in leaf.items() if name != "field")
    if value is None:
        may_be_empty = field in MAY_BE_EMPTY or field.startswith(PREFIX)
        return Row(number=number, field=field, operator=IS_EMPTY) if may_be_empty else None
    if operator == "in":
        has_comma = any("," in one for one in value) and field not in FIELD_CHOICES
        return None if has_comma else Row(number=number, field=field, operator=operator, values=tuple(value))
    return Row(number=number, field=field, operator=operator, values=(f"{value}",))


def condition_as_yaml(condition: Mapping[str, Any]) -> str:
    """Return a condition as YAML, as below `when` in a configuration file."""
    written = _dump(condition, plain=True)
    # YAML reads some Unicode characters as line breaks; unescaped, they would come back as spaces.
    return written if yaml.safe_load(written) == condition else _dump(condition, plain=False)


def _dump(condition: Mapping[str, Any], *, plain: bool) -> str:
    written: str = yaml.safe_dump(dict(condition), sort_keys=False, allow_unicode=plain, width=100)
    return written


class InvalidConditionText(ValueError):
    """The text is not YAML, too long, or nested too deep."""


class _Loader(yaml.SafeLoader):
    """Reads YAML as the configuration file is read: a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, found) for tag, found in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_condition(text: str, context: RuleContext | None = None) -> dict[str, Any]:
    """Return the condition in a YAML or JSON text. Raise `InvalidConditionText` or `RuleError` when it is not valid."""
    if len(text) > LONGEST:
        raise InvalidConditionText(f"it is longer than {LONGEST} characters")
    try:
        _check_size(text)
        condition = yaml.load(text, Loader=_Loader)  # noqa: S506  a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidConditionText(f"{position}{error.problem or 'this is not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidConditionText(str(error).partition("\n")[0]) from None
    compile_condition(condition, (), context)
    return {str(name): value for name, value in condition.items()}


def _check_size(text: str) -> None:
    """Raise `InvalidConditionText` for YAML aliases, which can expand without limit, and for deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidConditionText(f"{_line(event)}: aliases are not allowed (*{event.anchor})")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InvalidConditionText(f"{_line(event)}: it is nested too deep")


def _line(event: yaml.Event) -> str:
    return f"line {event.start_mark.line + 1}" if event.start_mark else "the text"


def row_of_error(error: RuleError, group: str, rows: Sequence[Row]) -> int | None:
    """Return the number of the row that an error is about; None when it is about the whole condition."""
    match error.path:
        case (name, int(index), *_) if name == group and name in GROUPS and index < len(rows):
            return rows[index].number
    return None


def slug_for(condition: Mapping[str, Any], connection: str) -> str:
    """Suggest a slug from the values of a condition: `checkout-bug`."""
    words = [word for value in _values(condition) for word in _words(value)][:4] or [connection]
    return "-".join(words)[:60].strip("-.") or "rule"


def _values(condition: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in condition.items():
        if name in GROUPS:
            for member in value:
                found += _values(member)
        elif name != "field":
            found += value if isinstance(value, list) else [str(value)] if value is not None else []
    return found


def _words(value: str) -> list[str]:
    plain = "".join(char if char.isascii() and char.isalnum() else " " for char in value.casefold())
    return plain.split()
