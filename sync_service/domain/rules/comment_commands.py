"""Comment commands: parse `/okr KR-1 KR-2`, which asks for links, and `/okr none`, which asks for none."""

import re
from collections.abc import Iterable

MAX_KEY_RESULTS = 20
"""How many key results one comment may name; the rest is ignored."""

_COMMAND = re.compile(r"\s*/okr\s+(\S.*)", re.IGNORECASE)
_SLUG_LENGTH = 100

_TYPED = str.maketrans(
    {"\u00ad": None, "\u200b": None, "\u200e": None, "\u200f": None, "\u2060": None, "\ufeff": None,
     "\u2010": "-", "\u2011": "-"}
)  # fmt: skip
"""What editors write unseen: marks without width are left out, other hyphens become the common one."""


def parse_lines(lines: Iterable[str]) -> tuple[str, ...] | None:
    """Return the slugs that the lines of a comment ask for, as written. The lines are plain text, without code.

    () for `none`, None when no line is a command. Several commands add up; `none` cancels those before it. Blanks of
    any kind separate words: some editors write no-break spaces.
    """
    slugs: list[str] | None = None
    for line in lines:
        found = _COMMAND.fullmatch(line.translate(_TYPED))
        if found is None:
            continue
        names = [name for word in re.split(r"[\s,]+", found[1]) if (name := word.strip(".;:!`")[:_SLUG_LENGTH])]
        if [name.casefold() for name in names] == ["none"]:
            slugs = []
        elif names:
            slugs = [*(slugs or []), *names]
    return None if slugs is None else tuple(dict.fromkeys(slugs))[:MAX_KEY_RESULTS]
