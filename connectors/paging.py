"""Read lists by numbered pages or offsets, and stop on a page that shows only what earlier pages showed."""

from collections.abc import Callable, Iterator, Sequence

from connectors.json_fields import Json

Rows = tuple[Sequence[Json], bool]
"""The rows of a page, and whether the tracker says that there are more."""

FetchPage = Callable[[int, int], Rows]
"""Fetches a page by its number, from 0, and the number of rows before it."""


MOST_EMPTY = 3
"""A list ends on this number of empty pages in a row, though each says that there are more."""


def rows_by_page(fetch: FetchPage, *, most_pages: int, name: str = "id") -> Iterator[Json]:
    """Yield the rows of a list, from `most_pages` pages at most; the field `name` tells rows apart."""
    known: set[str] = set()
    before = empty = 0
    for page in range(most_pages):
        rows, more = fetch(page, before)
        before += len(rows)
        fresh = {str(row.get(name)) for row in rows} - known
        empty = 0 if rows else empty + 1
        if empty == MOST_EMPTY or (rows and not fresh):
            return
        known |= fresh
        yield from rows
        if not more:
            return


def full_pages(fetch: Callable[[int], Rows], *, size: int) -> FetchPage:
    """Return a `FetchPage` from a function of the page's number, from 1.

    It returns rows, and whether the tracker names a next page: any page may be shorter than `size` then. A full page is
    followed by another one in any case.
    """

    def page_of(page: int, _before: int) -> Rows:
        rows, named = fetch(page + 1)
        return rows, named or len(rows) >= size

    return page_of
