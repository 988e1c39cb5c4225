"""Listings that do not end by themselves: when they are given up, and when they wait."""

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.listing import EMPTY, MOST_EMPTY, MOST_PAGES, REPEATED, ListingProgress


def pages_until_problem(pages: list[tuple[list[str], str]]) -> tuple[int, str | None]:
    """Return how many pages are counted before a problem, and the problem."""
    listing = ListingProgress()
    for number, (shown, cursor) in enumerate(pages, 1):
        listing = ListingProgress.of(listing.after(shown, cursor).stored())  # as a row of the database keeps it
        if listing.problem:
            return number, listing.problem
    return len(pages), None


def test_a_listing_ends_on_a_cursor_that_comes_again() -> None:
    """Also after others: a tracker may turn in a circle."""
    assert pages_until_problem([(["1"], "a"), (["2"], "a"), (["3"], "b")]) == (2, REPEATED)
    assert pages_until_problem([(["1"], "a"), (["2"], "b"), (["3"], "c"), (["4"], "a")]) == (4, REPEATED)


def test_a_listing_ends_on_the_third_page_in_a_row_that_shows_nothing_new() -> None:
    """A page that was there already shows nothing new either. Two such pages are no reason: permissions hide issues."""
    empty: list[tuple[list[str], str]] = [([], str(number)) for number in range(9)]
    same = [(["1", "2"], str(number)) for number in range(9)]
    assert pages_until_problem(empty) == (MOST_EMPTY, EMPTY)
    assert pages_until_problem(same) == (MOST_EMPTY + 1, EMPTY)
    assert pages_until_problem([*empty[:2], (["1"], "a"), *empty[3:5], (["2"], "b")]) == (6, None)


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=5), max_size=40))
def test_an_honest_list_is_never_given_up(pages: list[list[int]]) -> None:
    """Each issue is on one page, and each page leads to another one."""
    honest = [([f"{page}-{issue}" for issue in shown], f"after {page}") for page, shown in enumerate(pages)]
    assert pages_until_problem(honest) == (len(pages), None)


def test_a_very_long_listing_waits_and_goes_on() -> None:
    """The list may really be long: only its end shows that."""
    listing = ListingProgress()
    for number in range(MOST_PAGES):
        assert not listing.is_long
        listing = listing.after([str(number)], str(number))
    assert listing.is_long
    assert not listing.problem
    assert not listing.waited().is_long
    assert listing.waited().after(["x"], str(MOST_PAGES - 1)).problem == REPEATED, "what it saw is not forgotten"
    assert len(str(listing.stored())) < 10_000
