"""The condition builder of a rule: convert a condition to form rows (field, operator, value) or YAML text, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sync_service.domain.rules.conditions import FIELD_CHOICES, FIELDS, GROUPS, RuleError, compile_condition

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


def operators(field: str) -> dict[str, str]:
    """Return the operators of a field: name → text in the form."""
    words = SEVERAL_WORDS if "has" in FIELDS[field] else WORDS
    offered = {name: words[name] for name in FIELDS[field]}
    return offered | {IS_EMPTY: WORDS[IS_EMPTY]} if field in MAY_BE_EMPTY else offered


def fit_row(row: Row) -> Row:
    """Return the row with an operator and values that its field allows."""
    field = row.field if row.field in FIELDS else "labels"
    operator = row.operator if row.operator in operators(field) else next(iter(operators(field)))
    values = row.values
    if field in FIELD_CHOICES:
        values = tuple(value for value in values if value in FIELD_CHOICES[field])
    if operator != "in":
        values = values[:1]
    return Row(number=row.number, field=field, operator=operator, values=values)


def condition_from_rows(group: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the condition of these rows. It may be invalid when a row is incomplete."""
    return {group: [_leaf(row) for row in rows]}


def _leaf(row: Row) -> dict[str, Any]:
    if row.operator == IS_EMPTY:
        return {"field": row.field, "is": None}
    if row.operator == "in":
        return {"field": row.field, "in": list(row.values)}
    return {"field": row.field, row.operator: row.values[0] if row.values else ""}


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
        return Row(number=number, field=field, operator=IS_EMPTY) if field in MAY_BE_EMPTY else None
    if operator == "in":
        has_comma = any("," in one for one in value) and field not in FIELD_CHOICES
        return None if has_comma else Row(number=number, field=field, operator=operator, values=tuple(value))
    return Row(number=number, field=field, operator=operator, values=(value,))


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


def parse_condition(text: str) -> dict[str, Any]:
    """Return the condition in a YAML or JSON text. Raise `InvalidConditionText` or `RuleError` when it is not valid."""
    if len(text) > LONGEST:
        raise InvalidConditionText(f"it is longer than {LONGEST} characters")
    try:
        _check_size(text)
        condition = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidConditionText(f"{position}{error.problem or 'this is not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidConditionText(str(error).partition("\n")[0]) from None
    compile_condition(condition)
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
            found += [value] if isinstance(value, str) else value or []
    return found


def _words(value: str) -> list[str]:
    plain = "".join(char if char.isascii() and char.isalnum() else " " for char in value.casefold())
    return plain.split()
