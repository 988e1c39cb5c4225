"""Lists by numbered pages end, whatever the tracker answers."""

from collections.abc import Sequence

from connectors.json_fields import Json
from connectors.paging import MOST_EMPTY, Rows, full_pages, rows_by_page


def pages(*answers: tuple[Sequence[Json], bool], most_pages: int = 100) -> tuple[list[object], int]:
    """Return the ids that are read from these pages, of which the last one repeats, and the number of calls."""
    asked: list[int] = []

    def fetch(page: int, before: int) -> tuple[Sequence[Json], bool]:
        asked.append(before)
        return answers[min(page, len(answers) - 1)]

    found = [row["id"] for row in rows_by_page(fetch, most_pages=most_pages)]
    return found, len(asked)


def test_a_list_by_pages_ends_on_a_page_that_shows_nothing_new() -> None:
    """An empty page too, though it promises more."""
    first: list[Json] = [{"id": 1}, {"id": 2}]
    assert pages((first, True), ([{"id": 3}], False)) == ([1, 2, 3], 2)
    assert pages((first, True)) == ([1, 2], 2)
    assert pages((first, True), ([], True)) == ([1, 2], 1 + MOST_EMPTY)


def test_a_list_by_pages_continues_after_a_short_or_empty_page_with_a_next_one() -> None:
    """A tracker may leave out rows after it has chosen the page."""
    empty: Rows = ([], True)
    short: Rows = ([{"id": 1}], True)
    last: Rows = ([{"id": 2}], False)
    assert pages(short, empty, empty, last) == ([1, 2], 4)
    fetch = full_pages(lambda page: (short, empty, last)[page - 1], size=100)
    assert [row["id"] for row in rows_by_page(fetch, most_pages=9)] == [1, 2]


def test_a_list_by_pages_ends_at_its_bound() -> None:
    """Every page is new."""
    count = iter(range(1000))
    fetch = full_pages(lambda _page: ([{"id": next(count)}], False), size=1)
    assert len(list(rows_by_page(fetch, most_pages=7))) == 7
