"""What of JQL is read by ourselves: where its parts end, so that ours can be added, and whether it restricts anything.

What its fields and values mean is Jira's business alone.
https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/
"""

import re
from collections.abc import Iterator

from sync_service.domain.connectors import Rejected

LONGEST = 8000
"""Characters of a query: ours are added, and Jira does not say how many it takes."""

UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
"""Jira's own words."""

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
    """Give a query without its ORDER BY, so that parts of ours can be joined to it.

    Raise `Rejected` where it is too long, restricts nothing, or has an end of a quotation or parenthesis too few or
    too many: such a part would take ours into itself.
    """
    if len(query) > LONGEST:
        raise Rejected(f"a query may have {LONGEST} characters, and this has {len(query)}")
    if "\x00" in query:
        raise Rejected("it has a character that is none (NUL)")
    found = query[: _end(query)].strip()
    if not found:
        raise Rejected(UNBOUNDED)
    return found


def quoted(text: str) -> str:
    """Write a value as JQL takes it, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _end(query: str) -> int:
    """Say where the restriction ends: at an ORDER BY outside of parentheses and quotations, else at the very end."""
    depth = 0
    order: int | None = None
    for kind, text, at in _tokens(query):
        if order is not None and depth == 0 and text.casefold() == "by":
            return order
        order = at if kind == "word" and text.casefold() == "order" else None
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if kind == "quote":
            raise Rejected(f"the quotation that begins with character {at + 1} does not end")
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
