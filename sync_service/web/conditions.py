"""Conditions as people build them: rows of field, operator and value, or the whole as text where rows can't show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sync_service.domain.rules import CHOICES, FIELDS, GROUPS, RuleError, compile_condition

NOTHING = "nothing"
"""The operator of a row that asks for an empty field; in a condition it is `{"field": F, "is": null}`."""

MAY_BE_EMPTY = (
    "type", "milestone", "parent", "components", "versions", "sprint", "priority", "resolution", "assignee", "author",
)  # fmt: skip

LONGEST = 20_000
"""Characters of a condition written as text."""

DEEPEST = 40
"""Brackets and indents inside each other in a text; more than a valid condition can have."""

WORDS: Mapping[str, str] = {
    "is": "is",
    "in": "is one of",
    "has": "include",
    "contains": "contains",
    "matches": "matches (with *)",
    NOTHING: "is empty",
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
    """One row of the builder. `number` stays the same while rows come and go around it."""

    number: int
    field: str = "labels"
    operator: str = "has"
    values: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether the row says something already."""
        return self.operator == NOTHING or any(value.strip() for value in self.values)

    @property
    def text(self) -> str:
        """Give the values as one line."""
        return ", ".join(self.values)


def operators(field: str) -> dict[str, str]:
    """Give the operators of a field, each with its words."""
    words = SEVERAL_WORDS if "has" in FIELDS[field] else WORDS
    offered = {name: words[name] for name in FIELDS[field]}
    return offered | {NOTHING: WORDS[NOTHING]} if field in MAY_BE_EMPTY else offered


def fitted(row: Row) -> Row:
    """Give the row with an operator that its field has, and values that it may take."""
    field = row.field if row.field in FIELDS else "labels"
    operator = row.operator if row.operator in operators(field) else next(iter(operators(field)))
    values = row.values
    if field in CHOICES:
        values = tuple(value for value in values if value in CHOICES[field])
    if operator != "in":
        values = values[:1]
    return Row(number=row.number, field=field, operator=operator, values=values)


def condition_of(group: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Build the condition that rows say. It may be invalid where a row is incomplete."""
    return {group: [_leaf(row) for row in rows]}


def _leaf(row: Row) -> dict[str, Any]:
    if row.operator == NOTHING:
        return {"field": row.field, "is": None}
    if row.operator == "in":
        return {"field": row.field, "in": list(row.values)}
    return {"field": row.field, row.operator: row.values[0] if row.values else ""}


def rows_of(condition: Mapping[str, Any]) -> tuple[str, tuple[Row, ...]] | None:
    """Show a valid condition as a group and its rows; None where only text can show it."""
    if "field" in condition:
        condition = {"all": [condition]}
    if len(condition) != 1:
        return None
    ((group, members),) = condition.items()
    rows = [_row(number, member) for number, member in enumerate(members)]
    shown = tuple(row for row in rows if row is not None)
    return (group, shown) if len(shown) == len(rows) else None


def _row(number: int, leaf: Mapping[str, Any]) -> Row | None:
    if "field" not in leaf:
        return None
    field = leaf["field"]
    operator, value = next((name, value) for name, value in leaf.items() if name != "field")
    if value is None:
        return Row(number=number, field=field, operator=NOTHING) if field in MAY_BE_EMPTY else None
    if operator == "in":
        parted = any("," in one for one in value) and field not in CHOICES
        return None if parted else Row(number=number, field=field, operator=operator, values=tuple(value))
    return Row(number=number, field=field, operator=operator, values=(value,))


def text_of(condition: Mapping[str, Any]) -> str:
    """Write a condition as YAML, as it stands below `when` in a configuration file."""
    written = _dump(condition, plain=True)
    # Some characters of Unicode count as line ends in YAML, and come back as spaces unless they are escaped.
    return written if yaml.safe_load(written) == condition else _dump(condition, plain=False)


def _dump(condition: Mapping[str, Any], *, plain: bool) -> str:
    written: str = yaml.safe_dump(dict(condition), sort_keys=False, allow_unicode=plain, width=100)
    return written


class Unreadable(ValueError):
    """A text that is not YAML, or more than a condition can be."""


def read_text(text: str) -> dict[str, Any]:
    """Read a condition written as YAML or JSON and check it. Raises `Unreadable` or `RuleError`."""
    if len(text) > LONGEST:
        raise Unreadable(f"it is longer than {LONGEST} characters")
    try:
        _bound(text)
        condition = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Unreadable(f"{place}{error.problem or 'this is not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(str(error).splitlines()[0]) from None
    compile_condition(condition)
    return {str(name): value for name, value in condition.items()}


def _bound(text: str) -> None:
    """Refuse what would grow while it is read: repeated parts, and nesting without end."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable(f"{_line(event)}: a condition has no repeated parts (*{event.anchor})")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(f"{_line(event)}: it is nested too deep")


def _line(event: yaml.Event) -> str:
    return f"line {event.start_mark.line + 1}" if event.start_mark else "the text"


def place_of(error: RuleError, group: str, rows: Sequence[Row]) -> int | None:
    """Give the number of the row that an error is about; None where it is about the whole."""
    match error.path:
        case (name, int(index), *_) if name == group and name in GROUPS and index < len(rows):
            return rows[index].number
    return None


def slug_for(condition: Mapping[str, Any], connection: str) -> str:
    """Suggest a slug from what a condition asks for: `checkout-bug`."""
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
    plain = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in value.casefold())
    return plain.split()
