"""Stop a listing that would not end: a repeated cursor, pages that show nothing new, too many pages.

A tracker may repeat a page token, or say on each empty page that there are more. Callers count the pages of their
listings here, for every tracker, and stop when `problem` is set.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

MOST_EMPTY = 3
"""A listing ends on this number of pages in a row that show nothing new and say that there are more."""

MOST_PAGES = 1000
"""Pages of a listing before it waits: at a hundred issues a page, a hundred thousand issues."""

MOST_KEPT = 100
"""The number of last cursors and pages that are kept, to notice a repetition."""

REPEATED = "the list does not end: a page token came again"
EMPTY = f"the list does not end: {MOST_EMPTY} pages in a row showed nothing new and said that more follows"
LONG = f"the list is longer than {MOST_PAGES} pages"

REASONS = (REPEATED, EMPTY, LONG)
"""All reasons why a listing waits before its end."""


@dataclass(frozen=True, slots=True)
class ListingProgress:
    """How far a listing is: pages since it last waited, empty pages in a row, hashes of cursors and of pages.

    A page that shows exactly what an earlier one showed counts as empty. `problem` says why the listing can't come to
    its end, without numbers that change from run to run; None while it can.
    """

    pages: int = 0
    empty: int = 0
    cursors: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    problem: str | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "ListingProgress":
        """Return the progress from its JSON form; None is a listing at its start."""
        if not stored:
            return cls()
        cursors, shown = tuple(stored["cursors"]), tuple(stored["shown"])
        return cls(stored["pages"], stored["empty"], cursors, shown, stored["problem"])

    def stored(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @property
    def is_long(self) -> bool:
        """Return whether it is time to wait before the next page."""
        return self.pages >= MOST_PAGES

    def waited(self) -> "ListingProgress":
        """Return the progress of a listing that continues after a pause."""
        return replace(self, pages=0)

    def after(self, shown: Iterable[str], cursor: str | None) -> "ListingProgress":
        """Count a page that showed these issues and leads to a cursor, None at the end of the list."""
        if cursor is None:
            return replace(self, pages=self.pages + 1)
        page, token = _hash("\n".join(sorted(shown))), _hash(cursor)
        empty = self.empty + 1 if page in (_NOTHING, *self.shown) else 0
        return ListingProgress(
            pages=self.pages + 1,
            empty=empty,
            cursors=(*self.cursors, token)[-MOST_KEPT:],
            shown=(*self.shown, page)[-MOST_KEPT:],
            problem=REPEATED if token in self.cursors else EMPTY if empty >= MOST_EMPTY else None,
        )


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]


_NOTHING = _hash("")
