"""The logins that conditions name: those of authors and assignees."""

from collections.abc import Iterator, Mapping
from typing import Any

from sync_service.domain.rules.conditions import GROUPS
from sync_service.domain.text import folded

FIELDS = ("author", "assignee")
"""The fields that name people."""


def named_people(condition: Mapping[str, Any]) -> frozenset[str]:
    """Return the logins, folded, that a valid condition names. A pattern with `*` names nobody."""
    return frozenset(_named(condition))


def _named(condition: Mapping[str, Any]) -> Iterator[str]:
    if condition.get("field") in FIELDS:
        for operator in ("is", "in", "matches"):
            found = condition.get(operator)
            values = found if isinstance(found, list) else [found]
            yield from (folded(one.strip()) for one in values if one and not (operator == "matches" and "*" in one))
    for group in GROUPS:
        for member in condition.get(group, ()):
            yield from _named(member)
