"""Causes as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sync_service.domain.trackers.causes import Cause

# A cause as JSON; nulls are left out to keep rows small.
CauseColumns = dict[str, Any]


def to_columns(cause: Cause) -> CauseColumns:
    """Convert a cause to JSON."""
    return {name: value for name in _CAUSE_FIELDS if (value := getattr(cause, name)) not in (None, False)}


_CAUSE_FIELDS = tuple(one.name for one in fields(Cause))


def from_columns(columns: Mapping[str, Any]) -> Cause:
    """Convert JSON to a cause."""
    return Cause(**columns)


def merged_causes(known: Sequence[dict[str, Any]], causes: Iterable[Cause]) -> list[dict[str, Any]]:
    """Return known causes, as JSON, and those that are new."""
    new = (to_columns(cause) for cause in causes)
    return [*known, *(cause for cause in new if cause not in known)]
