"""The page that shows a result of a search."""

from collections.abc import Mapping
from typing import Any

from sync_service.store.views.search.found import Found, Kind

PAGES: Mapping[Kind, tuple[str, str]] = {
    Kind.KEY_RESULTS: ("key_results.show", "slug"),
    Kind.OBJECTIVES: ("objectives_page.show", "slug"),
    Kind.ISSUES: ("rules.try_rules", "issue"),
    Kind.RULES: ("rules.show", "slug"),
    Kind.TEAMS: ("objectives_team.show", "slug"),
    Kind.PEOPLE: ("objectives.index", "owner"),
}
"""The endpoint for each kind of result, and the argument that names the result."""


def page_of(one: Found) -> tuple[str, dict[str, Any]]:
    """Return the endpoint and arguments of the page of a result.

    For an issue it says which key results it serves and why not others; for a person, what they own.
    """
    endpoint, name = PAGES[one.kind]
    return endpoint, {name: f"{one.connection}:{one.key}" if one.connection else one.key}
