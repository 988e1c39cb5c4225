"""Comment commands: parse `/okr KR-1 KR-2`, which asks for links, and `/okr none`, which asks for none."""

import re
from collections.abc import Iterable, Iterator

MAX_KEY_RESULTS = 20
"""How many key results one comment may name; the rest is ignored."""

_COMMAND = re.compile(r" {0,3}/okr[ \t]+(\S.*)", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SLUG_LENGTH = 100


def parse_markdown(body: str) -> tuple[str, ...] | None:
    """Return what a comment in Markdown asks for; see `parse_lines`.

    Code, quotes and HTML comments (common in templates) do not count.
    """
    return parse_lines(_visible_lines(body))


def parse_lines(lines: Iterable[str]) -> tuple[str, ...] | None:
    """Return the slugs that these lines of plain text ask for, as written.

    () for `none`, None when no line is a command. Several commands add up; `none` cancels those before it.
    """
    slugs: list[str] | None = None
    for line in lines:
        found = _COMMAND.fullmatch(line)
        if found is None:
            continue
        names = [name for word in re.split(r"[\s,]+", found[1]) if (name := word.strip(".;:!`")[:_SLUG_LENGTH])]
        if [name.casefold() for name in names] == ["none"]:
            slugs = []
        elif names:
            slugs = [*(slugs or []), *names]
    return None if slugs is None else tuple(dict.fromkeys(slugs))[:MAX_KEY_RESULTS]


def _visible_lines(body: str) -> Iterator[str]:
    """Yield the lines that people read as text: no fenced code, no HTML comments."""
    fence, hidden = "", False
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if fence:
            marks = line.strip()
            if len(marks) >= len(fence) and set(marks) == {fence[0]}:
                fence = ""
            continue
        visible, hidden = _without_html_comments(line, hidden=hidden)
        opening = _FENCE.match(visible)
        if opening:
            fence = opening[1]
        else:
            yield visible


def _without_html_comments(line: str, *, hidden: bool) -> tuple[str, bool]:
    """Remove HTML comments from a line; return also whether the line ends within one."""
    kept = ""
    while line:
        if hidden:
            _, closing, line = line.partition("-->")
            hidden = not closing
        else:
            before, opening, line = line.partition("<!--")
            kept += before
            hidden = bool(opening)
    return kept, hidden
