"""The items of a changelog, as webhooks carry them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.jira.model.site_defaults import Named, Status, User

Item = dict[str, Any]
"""One entry of a changelog."""

Reference = tuple[str | None, str | None]
"""The id and the name of a value, as a changelog shows it."""


@dataclass(frozen=True, kw_only=True)
class History:
    """One entry of an issue's changelog: what somebody changed at once."""

    id: str
    author: User
    created: datetime
    items: tuple[Item, ...]


def changelog_item(name: str, *, was: Reference, now: Reference) -> Item:
    """Write the change of one field."""
    return {
        "field": name,
        "fieldtype": "jira",
        "fieldId": name,
        "from": was[0],
        "fromString": was[1],
        "to": now[0],
        "toString": now[1],
    }


def named(thing: Named | Status | None) -> Reference:
    """Return a status or a resolution as a changelog shows it."""
    return (None, None) if thing is None else (thing.id, thing.name)


def number(points: float | None) -> str | None:
    """Return a number as a changelog shows it."""
    return None if points is None else f"{points:g}"
