"""Commands in comments: a line `/okr KR-1 KR-2` asks for links, `/okr none` for none."""

import re
from collections.abc import Iterable, Iterator

MOST = 20
"""Key results one comment may name; what is named beyond is not heard."""

_COMMAND = re.compile(r" {0,3}/okr[ \t]+(\S.*)", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SLUG_LENGTH = 100


def asked_for(body: str) -> tuple[str, ...] | None:
    """Give what a comment in Markdown asks for, as `asked_in` does.

    What is code, quoted, or hidden in an HTML comment, as in templates, does not count.
    """
    return asked_in(_spoken(body))


def asked_in(lines: Iterable[str]) -> tuple[str, ...] | None:
    """Give the slugs that lines which people read as text ask for, as written; () for `none`, None where nothing is.

    Several lines add up, and a line of `none` takes back those before it.
    """
    slugs: list[str] | None = None
    for line in lines:
        found = _COMMAND.fullmatch(line)
        if found is None:
            continue
        names = [name for part in re.split(r"[\s,]+", found[1]) if (name := part.strip(".;:!`")[:_SLUG_LENGTH])]
        if [name.casefold() for name in names] == ["none"]:
            slugs = []
        elif names:
            slugs = [*(slugs or []), *names]
    return None if slugs is None else tuple(dict.fromkeys(slugs))[:MOST]


def _spoken(body: str) -> Iterator[str]:
    """Give the lines that people read as text: no fenced code, no HTML comments."""
    fence, hidden = "", False
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if fence:
            marks = line.strip()
            if len(marks) >= len(fence) and set(marks) == {fence[0]}:
                fence = ""
            continue
        shown, hidden = _shown(line, hidden=hidden)
        opening = _FENCE.match(shown)
        if opening:
            fence = opening[1]
        else:
            yield shown


def _shown(line: str, *, hidden: bool) -> tuple[str, bool]:
    """Take HTML comments out of a line; tell whether the line ends within one."""
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
