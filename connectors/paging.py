"""Read lists by numbered pages or offsets, and stop on a page that shows only what earlier pages showed."""

from collections.abc import Callable, Iterator, Sequence

from connectors.json_fields import Json

FetchPage = Callable[[int, int], tuple[Sequence[Json], bool]]
"""Fetches a page by its number, from 0, and the number of rows before it; returns rows, and whether there are more."""


def rows_by_page(fetch: FetchPage, *, most_pages: int, name: str = "id") -> Iterator[Json]:
    """Yield the rows of a list, from `most_pages` pages at most; the field `name` tells rows apart."""
    known: set[str] = set()
    before = 0
    for page in range(most_pages):
        rows, more = fetch(page, before)
        before += len(rows)
        fresh = {str(row.get(name)) for row in rows} - known
        if not fresh:
            return
        known |= fresh
        yield from rows
        if not more:
            return


def full_pages(fetch: Callable[[int], Sequence[Json]], *, size: int) -> FetchPage:
    """Return a `FetchPage` from a function of the page's number, from 1; only the last page is shorter than `size`."""

    def page_of(page: int, _before: int) -> tuple[Sequence[Json], bool]:
        rows = fetch(page + 1)
        return rows, len(rows) >= size

    return page_of
