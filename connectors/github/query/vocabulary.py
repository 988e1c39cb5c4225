"""The words of GitHub's search for issues, for an editor. They are the same everywhere, so no call is made.

https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
"""

from connectors.github.query.parse import EVALUATED_LOCALLY, GITHUB_ONLY, VALUES
from sync_service.domain.trackers.queries import QueryField, Vocabulary

HELP_URL = "https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests"

VALUE_FIELDS = {
    "scope": "repo",
    "type": "type",
    "labels": "label",
    "milestone": "milestone",
    "assignee": "assignee",
    "author": "author",
    "parent": "parent-issue",
}
"""Fields of conditions, and the qualifiers of a search."""

_COMPARED = ("created", "updated", "closed", "merged", "comments", "interactions", "reactions")
"""Qualifiers of times and numbers."""

_ABSENT = ("label", "milestone", "assignee", "type", "parent-issue", "project")
_TRUTH = ("true", "false")
_VALUES = {**VALUES, "no": _ABSENT, "reason": ("completed", "not-planned"), "draft": _TRUTH, "archived": _TRUTH}

VOCABULARY = Vocabulary(
    help_url=HELP_URL,
    fields=tuple(
        QueryField(
            name=name,
            label=name,
            operators=(":", ":>", ":>=", ":<", ":<=", "..") if name in _COMPARED else (":",),
            values=tuple(_VALUES.get(name, ())),
        )
        for name in sorted({*EVALUATED_LOCALLY, *GITHUB_ONLY})
    ),
    reserved=("AND", "OR", "NOT"),
)
