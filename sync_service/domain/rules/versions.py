"""What differs between two versions of a rule, in words; and when a rule is due for a review."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sync_service.domain.rules.condition_text import describe

REVIEW_AFTER = timedelta(days=90)
"""A rule is due for a review so long after it was last reviewed, or last changed by somebody."""

FIELDS = ("owner", "connection", "key_result", "when", "query", "state")
"""The fields of a definition, as in the configuration file."""


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Return what differs between two definitions, one text for each field; None: there was, or is, no rule."""
    if after is None:
        return ["removed"] if before is not None else []
    if before is None:
        return [f"{_name(field)} {_value(field, after[field])}" for field in FIELDS if after.get(field)]
    return list(_changed(before, after))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for field in FIELDS:
        old, new = before.get(field), after.get(field)
        if old != new:
            yield f"{_name(field)} {_value(field, old)} → {_value(field, new)}"


def _name(field: str) -> str:
    return field.replace("_", " ")


def _value(field: str, value: Any) -> str:
    if not value:
        return "none"
    return describe(value) if field == "when" else str(value)


def review_due(*, reviewed_at: datetime | None, changed_at: datetime | None) -> datetime | None:
    """Return when a rule is due for a review; None while neither a review nor a change is known."""
    known = [at for at in (reviewed_at, changed_at) if at is not None]
    return max(known) + REVIEW_AFTER if known else None
