"""What a valid condition is about: the fields that it names, and the scopes that it can match in."""

from collections.abc import Mapping
from typing import Any

from sync_service.domain.rules.conditions import GROUPS
from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.rules.field_tests.days import OPERATORS
from sync_service.domain.text import folded


def mentions(condition: Mapping[str, Any], field: str) -> bool:
    """Return whether a valid condition depends on a field."""
    members = (member for name in GROUPS for member in condition.get(name, ()))
    return condition.get("field") == field or any(mentions(member, field) for member in members)


def mentions_custom(condition: Mapping[str, Any]) -> bool:
    """Return whether a valid condition depends on a custom field."""
    members = (member for name in GROUPS for member in condition.get(name, ()))
    return str(condition.get("field", "")).startswith(PREFIX) or any(mentions_custom(member) for member in members)


def compares_days(condition: Mapping[str, Any]) -> bool:
    """Return whether a valid condition compares days, which depend on a cycle or its time zone."""
    members = (member for name in GROUPS for member in condition.get(name, ()))
    return not condition.keys().isdisjoint(OPERATORS) or any(compares_days(member) for member in members)


def possible_scopes(condition: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the scopes (case-folded) outside which a valid condition cannot hold; None when it may hold in any."""
    if condition.get("field") == "scope":
        if "is" in condition:
            return frozenset([folded((condition["is"] or "").strip())])
        if "in" in condition:
            return frozenset(folded(name.strip()) for name in condition["in"])
    reached: frozenset[str] | None = None
    for member in condition.get("all", ()):
        reached = _both(reached, possible_scopes(member))
    members = [possible_scopes(member) for member in condition.get("any", ())]
    if members and None not in members:
        reached = _both(reached, frozenset().union(*(member for member in members if member is not None)))
    return reached


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
