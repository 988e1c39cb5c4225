"""Custom fields: what a connection names in `fields`, and their values on issues.

A value is kept under the tracker's own field and its type, not under the plain name: a new name for the same field
needs no new values, and a value that was read as another type is not taken for one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class FieldType(StrEnum):
    """The type of a custom field."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    OPTION = "option"
    OPTIONS = "options"
    PERSON = "person"


FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}", re.ASCII)
"""The plain name of a custom field: rules call it `fields.NAME`."""

MOST_FIELDS = 20
"""Most custom fields that a connection names."""


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field as a connection names it: the tracker's `field`, and its type; None: the tracker says the type."""

    name: str
    field: str
    type: FieldType | None = None

    def is_of(self, value: "CustomValue") -> bool:
        """Return whether a value is one of this field, read as its type."""
        return value.field == self.field and self.type in (None, value.type)


@dataclass(frozen=True, slots=True)
class CustomValue:
    """What an issue has in a custom field, as texts; () means "has none".

    A number is one text, as Python writes it; a date an ISO day or an ISO time with its offset. A person is an
    account's id, followed by a tab and the tracker's own id of the account where that is another one.
    """

    field: str
    type: FieldType
    values: tuple[str, ...]

    def words(self) -> str:
        """Return it as people read it."""
        return ", ".join(one.partition("\t")[0] for one in self.values) or "none"


@dataclass(frozen=True, slots=True)
class TimedCustomValue(CustomValue):
    """A value of a custom field; `at` is the tracker's time of the snapshot that had it."""

    at: datetime


def custom_fields_of(options: Mapping[str, Any]) -> dict[str, CustomField]:
    """Return the custom fields that a connection's options name, by their plain names."""
    written = options.get("fields")
    named = written if isinstance(written, Mapping) else {}
    return {name: _field(name, one) for name, one in list(named.items())[:MOST_FIELDS]}


def names_more_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether options name fields, or types of them, that earlier options did not name."""
    were, are = ({(one.field, one.type) for one in custom_fields_of(each).values()} for each in (before, after))
    return not are <= were


def _field(name: str, written: str | Mapping[str, str]) -> CustomField:
    if isinstance(written, str):
        return CustomField(name, written.strip())
    kind = written.get("type")
    return CustomField(name, written["field"].strip(), FieldType(kind) if kind else None)


def value_of(field: CustomField, values: Iterable[TimedCustomValue]) -> TimedCustomValue | None:
    """Return the value of a field, read as its type; None when it is unknown."""
    return next((one for one in values if field.is_of(one)), None)
