"""Short names for new objectives and key results."""

import re
import unicodedata
from collections.abc import Collection, Iterable

LONGEST = 40
"""Most characters of a short name that is made from a title."""

_NUMBERED = re.compile(r"kr-([1-9][0-9]{0,8})", re.ASCII)


def slug_of_title(title: str, taken: Collection[str]) -> str:
    """Return a short name made from a title: `paying-is-effortless`; with a number behind where it is taken."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    base = words[:LONGEST].rsplit("-", 1)[0] if len(words) > LONGEST and "-" in words[:LONGEST] else words[:LONGEST]
    base = base or "objective"
    known = {one.lower() for one in taken}
    if base not in known:
        return base
    return next(found for number in range(2, len(known) + 3) if (found := f"{base}-{number}") not in known)


def next_key_result(taken: Iterable[str]) -> str:
    """Return the short name after the highest numbered one: `KR-7` after `KR-6`."""
    numbers = (int(found[1]) for one in taken if (found := _NUMBERED.fullmatch(one.lower())))
    return f"KR-{max(numbers, default=0) + 1}"
