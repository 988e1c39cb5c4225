"""Search: the words of a query, and how well names and texts match them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from sync_service.domain.text import folded, plain

LONGEST = 200
"""Most characters of a query that are compared with texts."""

MOST_WORDS = 8
"""Words of a query that are compared; further ones are ignored."""


class Rank(IntEnum):
    """How well something matches, best first."""

    EXACT = 0  # a name, or the whole title
    PREFIX = 1  # a name or the title begins like the query
    WORD_STARTS = 2  # each word of the query begins a word
    WORDS = 3  # each word of the query is somewhere in the names and the title
    ABOUT = 4  # as before, also in other texts, such as the owner's name


@dataclass(frozen=True, slots=True)
class SearchWords:
    """A query as it is compared: the whole text and its words, without case."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def read(cls, written: str) -> "SearchWords":
        """Return the words of a query: one line, without control characters, shortened."""
        text = folded(plain(written[: 2 * LONGEST]))[:LONGEST].strip()
        return cls(text, tuple(dict.fromkeys(text.split()))[:MOST_WORDS])

    def __bool__(self) -> bool:
        """Return whether anything is searched for."""
        return bool(self.words)

    def rank(self, names: Iterable[str], title: str, others: Iterable[str] = ()) -> Rank | None:
        """Return how well something with these names, title and other texts matches; None: it does not."""
        known = [folded(name) for name in (*names, title)]
        if self.text in known:
            return Rank.EXACT
        if any(name.startswith(self.text) for name in known):
            return Rank.PREFIX
        own = " ".join(known)
        if all(word in own for word in self.words):
            return Rank.WORD_STARTS if all(_begins_word(word, own) for word in self.words) else Rank.WORDS
        whole = " ".join((own, *(folded(other) for other in others)))
        return Rank.ABOUT if all(word in whole for word in self.words) else None


def _begins_word(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}", text) is not None
