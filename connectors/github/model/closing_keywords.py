"""Which issues a pull request closes: closing keywords in its text ("fixes #12"), or GraphQL's own list.

The documentation lists the keywords, and the forms of references, GH-12 among them. GitHub also reads a keyword after a
hyphen, so "no-close: #12" closes.
https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
"""

import re
from urllib.parse import urlsplit

from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects
from connectors.markdown import prose
from sync_service.domain.trackers.observations import Closing, ScopeRef

MOST_CLOSINGS = 100
"""Most issues that we store as closed by one pull request."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}"
_KEYWORD = re.compile(
    r"(?<!(?u:\w))(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]+"
    rf"(?:(?P<site>https?://[^\s/]{{1,200}})/(?P<place>{_NAME})/issues/|(?P<name>{_NAME})?\#|gh-)"
    r"(?P<number>[1-9][0-9]{0,18})(?!\w)",
    re.ASCII | re.IGNORECASE,
)


def parse_closing_keywords(text: str, *, scope: ScopeRef, page: str) -> tuple[Closing, ...]:
    """Return the issues that a description closes, sorted by key, without duplicates.

    `scope` is the repository of the pull request, `page` its web address: an issue's address must be of that site.
    """
    found: dict[str, Closing] = {}
    for match in _KEYWORD.finditer(prose(text)):
        if match["site"] and urlsplit(match["site"]).netloc.lower() != urlsplit(page).netloc.lower():
            continue
        name = match["place"] or match["name"] or scope.name
        one = _closing(name, match["number"], scope)
        found.setdefault(one.key.lower(), one)
    return tuple(found[key] for key in sorted(found)[:MOST_CLOSINGS])


def closing_references(pull: Json, scope: ScopeRef) -> tuple[Closing, ...] | None:
    """Return the issues that GraphQL says a pull request closes; None when the reply does not say.

    They include issues linked by hand, which the description does not name.
    """
    references = pull.get("closingIssuesReferences")
    if not isinstance(references, dict):
        return None
    found: dict[str, Closing] = {}
    for row in json_objects(references.get("nodes")):
        name, number = (
            exact_text(json_object(row.get("repository")).get("nameWithOwner"), 200),
            identifier(row.get("number")),
        )
        if name and number:
            one = _closing(name, number, scope)
            found.setdefault(one.key.lower(), one)
    return tuple(found[key] for key in sorted(found)[:MOST_CLOSINGS])


def _closing(name: str, count: str, scope: ScopeRef) -> Closing:
    if name.lower() == scope.name.lower():
        return Closing(f"{scope.name}#{count}", f"{scope.id}#{count}")
    return Closing(f"{name}#{count}")
