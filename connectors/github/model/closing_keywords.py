"""Which issues a pull request closes: closing keywords in its text ("fixes #12"), or GraphQL's own list.

https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
"""

import re
from bisect import bisect_left
from collections import defaultdict
from urllib.parse import urlsplit

from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects
from sync_service.domain.trackers.observations import Closing, ScopeRef

LONGEST_TEXT = 70_000
"""Characters of a description to read. GitHub allows 65,536."""

MOST_CLOSINGS = 100
"""Most issues that we store as closed by one pull request."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}"
_KEYWORD = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]+"
    rf"(?:(?P<site>https?://[^\s/]{{1,200}})/(?P<place>{_NAME})/issues/|(?P<name>{_NAME})?\#)"
    r"(?P<number>[1-9][0-9]{0,18})(?!\w)",
    re.ASCII | re.IGNORECASE,
)

# Start of Markdown in which keywords don't count: a comment, a fence at the start of a line, a run of backticks.
_OPENING = re.compile(r"<!--|^[ >]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*|(?P<ticks>`+)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t>]*\n")
_TICKS = re.compile("`+")
_INDENTED = re.compile(r"(?:    | {0,3}\t)[ \t]*\S")
_LIST_ITEM = re.compile(r" {0,3}(?:[-+*]|[0-9]{1,9}[.)])(?:\s|$)")


def parse_closing_keywords(text: str, *, scope: ScopeRef, page: str) -> tuple[Closing, ...]:
    """Return the issues that a description closes, sorted by key, without duplicates.

    `scope` is the repository of the pull request, `page` its web address: an issue's address must be of that site.
    """
    found: dict[str, Closing] = {}
    for match in _KEYWORD.finditer(_prose(_without_indented_code(text[:LONGEST_TEXT]))):
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


def _without_indented_code(text: str) -> str:
    """Remove indented code blocks: they start after a blank line, and not within a list.

    https://spec.commonmark.org/current/#indented-code-blocks
    """
    kept, blank, in_code, in_list = [], True, False, False
    for line in text.replace("\r\n", "\n").split("\n"):
        indented = bool(_INDENTED.match(line))
        in_code = indented and not in_list and (blank or in_code)
        if not in_code:
            kept.append(line)
        if line.strip():
            in_list = bool(_LIST_ITEM.match(line)) or (in_list and (indented or not blank or line.startswith("  ")))
        blank = not line.strip()
    return "\n".join(kept)


def _prose(text: str) -> str:
    """Remove comments, fenced blocks and inline code. Runs in linear time."""
    ticks: dict[int, list[int]] = defaultdict(list)
    for run in _TICKS.finditer(text):
        ticks[len(run[0])].append(run.start())
    blank_lines = [blank.start() for blank in _BLANK_LINE.finditer(text)]
    pieces, at = [], 0
    while opening := _OPENING.search(text, at):
        pieces.append(text[at : opening.start()])
        if opening["fence"]:
            at = _end_of_fence(text, opening)
        elif opening["ticks"]:
            at = _end_of_code(opening, ticks[len(opening["ticks"])], blank_lines)
        else:
            closed = text.find("-->", opening.end())
            at = len(text) if closed < 0 else closed + len("-->")
        pieces.append(" ` ")  # so that the text before and after is not joined
    return "".join([*pieces, text[at:]])


def _end_of_fence(text: str, opening: re.Match[str]) -> int:
    fence = opening["fence"]
    closing = re.compile(rf"^[ >]*{fence[0]}{{{min(len(fence), 1000)},}}[ \t]*$", re.MULTILINE)
    found = closing.search(text, opening.end())
    return found.end() if found else len(text)


def _end_of_code(opening: re.Match[str], alike: list[int], blank_lines: list[int]) -> int:
    """Find the run of equally many backticks that closes this one in the same paragraph; else it is plain text."""
    after = bisect_left(alike, opening.end())
    blank = bisect_left(blank_lines, opening.end())
    paragraph_ends = blank_lines[blank] if blank < len(blank_lines) else None
    if after == len(alike) or (paragraph_ends is not None and alike[after] > paragraph_ends):
        return opening.end()
    return alike[after] + len(opening["ticks"])
