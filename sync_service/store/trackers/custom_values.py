"""Values of custom fields in the column of an issue."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sync_service.domain.trackers.fields.custom_fields import FieldType, TimedCustomValue

Rows = list[list[Any]]


def custom_columns(values: Iterable[TimedCustomValue]) -> Rows:
    """Return values as they are stored: `[[field, type, [text, …], time], …]`."""
    return [[one.field, one.type.value, list(one.values), one.at.isoformat()] for one in values]


def custom_values(stored: Rows | None) -> tuple[TimedCustomValue, ...]:
    """Return stored values."""
    return tuple(
        TimedCustomValue(field, FieldType(kind), tuple(values), datetime.fromisoformat(at))
        for field, kind, values, at in stored or ()
    )
