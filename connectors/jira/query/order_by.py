"""Cut ORDER BY from JQL, and check parentheses, quotes and that it restricts anything, so that we can add conditions.

Only Jira evaluates fields and values.
https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/
"""

import re
from collections.abc import Iterator

from sync_service.domain.trackers.connector import Rejected

LONGEST = 8000
"""Most characters of a query: we add conditions, and Jira's limit is not documented."""

UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
"""Jira's own error text."""

_TOKEN = re.compile(
    r"""
    (?P<quoted> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
    | (?P<open>\() | (?P<close>\))
    | (?P<quote>["'])
    | (?P<word>(?:\\.|[^\s"'()\\])+)
    | (?P<escape>\\)
    """,
    re.VERBOSE | re.DOTALL,
)


def restriction(query: str) -> str:
    """Return a query without its ORDER BY, so that we can add conditions.

    Raise `Rejected` when it is too long, restricts nothing, or has unbalanced quotes or parentheses: these could
    swallow our conditions.
    """
    if len(query) > LONGEST:
        raise Rejected(f"a query may have {LONGEST} characters, and this has {len(query)}")
    if "\x00" in query:
        raise Rejected("the query contains a NUL character")
    found = query[: _end(query)].strip()
    if not found:
        raise Rejected(UNBOUNDED)
    return found


def quoted(text: str) -> str:
    """Return a value as a quoted JQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _end(query: str) -> int:
    """Return where the restriction ends: at an ORDER BY outside of parentheses and quotes, else at the query's end."""
    depth = 0
    order: int | None = None
    for kind, text, at in _tokens(query):
        if order is not None and depth == 0 and text.casefold() == "by":
            return order
        order = at if kind == "word" and text.casefold() == "order" else None
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if kind == "quote":
            raise Rejected(f"the quote at character {at + 1} is not closed")
        if kind == "escape":
            raise Rejected(f"the backslash at character {at + 1} escapes nothing")
        if depth < 0:
            raise Rejected(f"the parenthesis at character {at + 1} was never opened")
    if depth:
        raise Rejected(f"{depth} of its parentheses are never closed")
    return len(query)


def _tokens(query: str) -> Iterator[tuple[str, str, int]]:
    for found in _TOKEN.finditer(query):
        yield str(found.lastgroup), found[0], found.start()
