"""Filters of webhooks: JQL that names the watched projects and nothing else.

Keys stand in quotes, since some of them are words of JQL itself (`DATE`, `FILE`).
https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/#Reserved-words
"""

import re
from collections.abc import Sequence

MOST_NAMED = 200
"""Projects that a filter names; where more are watched there is none, and the others' issues are ignored here."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_PROJECTS_ALONE = re.compile(
    r"""\s*project\s*(?:=\s*(?P<one>"?\w+"?)|in\s*\((?P<many>[\w\s"',]+)\))\s*""", re.IGNORECASE | re.ASCII
)


def can_be_named(key: str) -> bool:
    """Tell whether this can be the key of a project, and stand in a filter."""
    return bool(key) and set(key) <= _LETTERS


def naming(keys: Sequence[str]) -> str:
    """Write the filter that lets through what these projects have, one or more of them."""
    return "project in ({})".format(", ".join(f'"{key}"' for key in keys))


def jql_of(keys: Sequence[str]) -> str:
    """Write the filter for watched projects; empty, which lets everything through, where it can't be written."""
    writable = 0 < len(keys) <= MOST_NAMED and all(can_be_named(key) for key in keys)
    return naming(keys) if writable else ""


def projects_in(jql: object) -> frozenset[str] | None:
    """Read the keys, in small letters, of a filter that names projects alone; None for any other."""
    found = _PROJECTS_ALONE.fullmatch(jql) if isinstance(jql, str) else None
    if found is None:
        return None
    return frozenset(one.strip().strip("\"'").casefold() for one in (found["one"] or found["many"]).split(","))


def left_out(jql: object, keys: Sequence[str]) -> list[str]:
    """Give the projects of which a filter lets nothing through; none where it is not one that names projects alone."""
    named = projects_in(jql)
    return [] if named is None else [key for key in keys if key.casefold() not in named]
