"""JQL filter of a webhook: `project in (…)` with the watched projects, and nothing else.

Keys are quoted, since some are reserved words of JQL (`DATE`, `FILE`).
https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/#Reserved-words
"""

import re
from collections.abc import Sequence

MOST_NAMED = 200
"""Most projects in a filter; with more there is no filter, and we ignore the issues of other projects."""

_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_PROJECT_FILTER = re.compile(
    r"""\s*project\s*(?:=\s*(?P<one>"?\w+"?)|in\s*\((?P<many>[\w\s"',]+)\))\s*""", re.IGNORECASE | re.ASCII
)


def is_project_key(key: str) -> bool:
    """Return whether this can be the key of a project, and be used in a filter."""
    return bool(key) and set(key) <= _KEY_CHARACTERS


def project_filter(keys: Sequence[str]) -> str:
    """Return the filter that passes the issues of these projects, one or more."""
    return "project in ({})".format(", ".join(f'"{key}"' for key in keys))


def filter_for_scopes(keys: Sequence[str]) -> str:
    """Return the filter for watched projects; when it can't be written return "", which passes everything."""
    writable = 0 < len(keys) <= MOST_NAMED and all(is_project_key(key) for key in keys)
    return project_filter(keys) if writable else ""


def projects_in_filter(jql: object) -> frozenset[str] | None:
    """Return the keys, in lower case, of a filter that names only projects; None for any other filter."""
    found = _PROJECT_FILTER.fullmatch(jql) if isinstance(jql, str) else None
    if found is None:
        return None
    return frozenset(one.strip().strip("\"'").casefold() for one in (found["one"] or found["many"]).split(","))


def blocked_projects(jql: object, keys: Sequence[str]) -> list[str]:
    """Return the projects whose issues a filter blocks; none when the filter names more than projects."""
    named = projects_in_filter(jql)
    return [] if named is None else [key for key in keys if key.casefold() not in named]
