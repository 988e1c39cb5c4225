"""Read a number out of a field's value, whatever the field's type: a number, a text, an option."""

import re
from dataclasses import dataclass
from typing import Any

from connectors.json_fields import Json, number, text

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:[.,][0-9]{1,15})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", re.ASCII)
"""One thousand, or one with three decimals: nobody can tell."""

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is not empty and no number; `shown` is how people see it."""

    shown: str


NumberValue = float | None | Unreadable
"""A number, None for an empty field, or a value that can't be read."""


def number_value(value: Any) -> NumberValue:
    """Read a value: `8`, `"8"`, `"2,5"`, `{"value": "5"}`, or a list with one of them."""
    match value:
        case None | []:
            return None
        case str():
            return _in_text(value)
        case [one] if not isinstance(one, list):
            return number_value(one)
        case dict():
            return number_value(_of_option(value)) if value else None
        case [list()]:
            return Unreadable("a list")
    found = number(value)
    return Unreadable(str(value)[:_LONGEST]) if found is None else found


def _in_text(written: str) -> NumberValue:
    line = written.strip()
    if not line:
        return None
    if _NUMBER.fullmatch(line) and not _THOUSANDS.fullmatch(line):
        return float(line.replace(",", "."))
    return Unreadable(text(line, _LONGEST) or "something")


def _of_option(option: Json) -> object:
    """Return the value of an option: Jira names it `value`, GitHub `name`."""
    inner = next((option[key] for key in ("value", "name") if option.get(key) is not None), None)
    return "an object without a value" if inner is None or isinstance(inner, dict | list) else inner
