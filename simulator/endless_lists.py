"""Lists that do not end: what a broken tracker, or a broken proxy before it, answers to each request for a page."""

import itertools
from enum import StrEnum

_numbers = itertools.count(1)


class EndlessList(StrEnum):
    """How the lists of a tracker do not end."""

    REPEATED = "repeated"
    """Each page is the first one, and leads to the same next page."""

    SAME = "same"
    """Each page is the first one, and leads to another next page."""

    EMPTY = "empty"
    """Each page is empty, and leads to another next page."""


def next_token(kind: EndlessList) -> str:
    """Return the token of the next page."""
    return "again" if kind is EndlessList.REPEATED else f"more-{next(_numbers)}"
