"""Custom fields in conditions: which operators each type has, and how values are compared."""

import operator as operators
from collections.abc import Callable, Mapping
from datetime import date, datetime

from sync_service.domain.rules.field_tests import days
from sync_service.domain.trackers.fields.custom_fields import FieldType

PREFIX = "fields."
"""A condition names a custom field as `fields.NAME`."""

Value = frozenset[str] | float | date | datetime | None
"""A value of a custom field as rules see it: texts (folded, none where it is empty), a number, a day or a time."""

_TEXTS = ("is", "in", "contains", "matches")
NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "above": operators.gt,
    "below": operators.lt,
    "at_least": operators.ge,
    "at_most": operators.le,
}

OPERATORS: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.TEXT: _TEXTS,
    FieldType.NUMBER: ("is", *NUMBERS),
    FieldType.DATE: (*days.OPERATORS, "is"),
    FieldType.OPTION: ("is", "has", "in", "contains", "matches"),
    FieldType.OPTIONS: ("has", "is", "in", "contains", "matches"),
    FieldType.PERSON: ("is", "in", "matches"),
}
"""The operators of each type. All have `is: null`; a date has no other `is`."""

LARGEST = 1e15
"""Larger numbers are refused, as everywhere in a file."""

ALL_OPERATORS = tuple(dict.fromkeys(name for names in OPERATORS.values() for name in names))
"""The operators of a field whose type the tracker says."""


def operators_of(kind: FieldType | None) -> tuple[str, ...]:
    """Return the operators of a type; all of them where it is not known."""
    return ALL_OPERATORS if kind is None else OPERATORS[kind]


def compares_numbers(kind: FieldType | None, operator: str, value: object) -> bool:
    """Return whether a test compares numbers."""
    if operator in NUMBERS:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return operator == "is" and (kind is FieldType.NUMBER or (kind is None and is_number))


def number_test(operator: str, value: object) -> Callable[[Value], bool]:
    """Return the test of a number. Raise `ValueError` when the value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError("not a number")
    limit = float(value)
    if operator == "is":
        return lambda found: isinstance(found, float) and found == limit
    compare = NUMBERS[operator]
    return lambda found: isinstance(found, float) and compare(found, limit)


def is_none(found: Value) -> bool:
    """Return whether a field is empty."""
    return found is None or found == frozenset()


def texts_test(test: Callable[[str], bool]) -> Callable[[Value], bool]:
    """Return the test whether one of the texts of a field passes a test."""
    return lambda found: isinstance(found, frozenset) and any(map(test, found))


def day_test(operator: str, value: object, cycle: days.CycleDays) -> Callable[[Value], bool]:
    """Return the test of a date. Raise `ValueError` when the value is none."""
    test = days.day_test(operator, value, cycle)
    return lambda found: isinstance(found, date) and test(found)
