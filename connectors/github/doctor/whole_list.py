"""Lists that doctor reads page by page, as far as a bound; what lies beyond is said."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.json_fields import Json, json_objects
from connectors.paging import Rows, full_pages, rows_by_page

PER_PAGE = 100

MOST_PAGES = 10
"""Pages of a list that doctor reads."""

Reply = tuple[Iterable[Json], bool]
"""The rows of a page, and whether the tracker names a next page."""


@dataclass(frozen=True, slots=True)
class WholeList:
    """The rows that were read; `more` says that there are more, or that the list does not end."""

    rows: list[Json]
    more: bool


def read_list(fetch: Callable[[Mapping[str, str]], Reply]) -> WholeList:
    """Read a list, from a function of the query parameters of a page."""
    more = False

    def numbered(page: int) -> Rows:
        nonlocal more
        found, named = fetch({"per_page": str(PER_PAGE), "page": str(page)})
        rows = json_objects(list(found))
        more = named or len(rows) >= PER_PAGE
        return rows, named

    rows = list(rows_by_page(full_pages(numbered, size=PER_PAGE), most_pages=MOST_PAGES))
    return WholeList(rows, more)
