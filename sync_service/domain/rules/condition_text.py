"""A condition of a rule in words, for lists, mails, files and the audit log."""

from collections.abc import Mapping
from typing import Any

from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.text import in_full

_PLURALS = ("labels", "components", "versions")
_WORDS = {
    "has": "is",
    "in": "is one of",
    "on": "is on",
    "before": "is before",
    "after": "is after",
    "above": "is above",
    "below": "is below",
    "at_least": "is at least",
    "at_most": "is at most",
}
_WORDS_OF_SEVERAL = {
    "has": "include",
    "is": "include",
    "in": "include one of",
    "contains": "include one that contains",
    "matches": "include one that matches",
}
_UNDER = {"in": "one of ", "matches": "one that matches "}


def describe(condition: Mapping[str, Any]) -> str:
    """Describe a valid condition in words: `labels include checkout and scope is acme/checkout`."""
    if "field" in condition:
        return _describe_test(condition)
    joined = []
    for name, members in condition.items():
        words = [describe(member) if "field" in member else f"({describe(member)})" for member in members]
        separator = " and " if name == "all" else " or "
        joined.append(f"none of ({separator.join(words)})" if name == "none" else separator.join(words))
    return joined[0] if len(joined) == 1 else " and ".join(f"({words})" for words in joined)


def _describe_test(test: Mapping[str, Any]) -> str:
    field = test["field"].removeprefix(PREFIX)
    operator, value = next((name, value) for name, value in test.items() if name != "field")
    if field == "under":
        return f"under {'nothing' if value is None else _UNDER.get(operator, '') + _listed(value)}"
    if value is None:
        return f"{field} {'are' if field in _PLURALS else 'is'} empty"
    words = (_WORDS_OF_SEVERAL if field in _PLURALS else _WORDS).get(operator, operator)
    return f"{field} {words} {_listed(value)}"


def _listed(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return in_full(value) if isinstance(value, int | float) else str(value)
