"""Format numbers, and make foreign texts safe."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_service.domain.text import amount, clipped, listed, number, percent, plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (37.5, "37.5"),
        (100.0, "100"),
        (0.125, "0.125"),
        (0.00004, "0"),
        (33.333333, "33.33"),
        (1234.5, "1\u202f234.5"),
        (1e6, "1\u202f000\u202f000"),
        (-4.0, "\u22124"),
        (-0.00001, "0"),
    ],
)
def test_a_number_has_two_decimals_at_most_and_four_below_one(value: float, written: str) -> None:
    """No needless zeros, thousands apart, and no minus before a zero."""
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (62.0, "%", "62\u202f%"),
        (100 / 3, "%", "33.33\u202f%"),
        (99.5305, "%", "99.53\u202f%"),
        (99.999, "%", "99.99\u202f%"),
        (100.0, "%", "100\u202f%"),
        (12.0, "bugs", "12\u202fbugs"),
        (1.0, "bugs", "1\u202fbug"),
        (-1.0, "open bugs", "\u22121\u202fopen bug"),
        (1.0, "stories", "1\u202fstory"),
        (1.0, "boxes", "1\u202fbox"),
        (1.0, "issues", "1\u202fissue"),
        (1.0, "PRs", "1\u202fPR"),
        (1.0, "ms", "1\u202fms"),
        (1.0, "Mbps", "1\u202fMbps"),
        (1.0, "status", "1\u202fstatus"),
        (1.5, "bugs", "1.5\u202fbugs"),
        (0.0, "bugs", "0\u202fbugs"),
        (1.0, "%", "1\u202f%"),
        (12.0, "", "12"),
        (None, "%", "no data"),
    ],
)
def test_an_amount_has_its_unit(value: float | None, unit: str, written: str) -> None:
    """No data is written in words."""
    assert amount(value, unit) == written


@pytest.mark.parametrize(
    ("fraction", "written"),
    [(0.375, "38"), (0.999, "99"), (1.0, "100"), (1.25, "125"), (-0.1, "\u221210"), (0.0, "0")],
)
def test_a_fraction_is_written_as_whole_percents(fraction: float, written: str) -> None:
    """99.9 % is not 100 %."""
    assert percent(fraction) == f"{written}\u202f%"
    assert percent(None) == "no data"


@pytest.mark.parametrize(
    ("value", "target", "written"),
    [
        (89.999, 90.0, "89.99"),
        (90.001, 90.0, "90.01"),
        (5.001, 5.0, "5.01"),
        (5.0, 5.0, "5"),
        (33.3333, 90.0, "33.33"),
        (999_999.6, 1e6, "999\u202f999.6"),
        (0.00003, 0.00004, "0.00003"),
        (0.00004, 0.00004, "0.00004"),
        (33.3329, 33.333, "33.332"),
        (0.0, 1e-7, "0"),
    ],
)
def test_a_value_beside_its_target_stays_on_its_side(value: float, target: float, written: str) -> None:
    """It has two decimals, or as many as the target."""
    assert amount(value, target=target) == written


def read(text: str) -> float:
    """Return the number in a text."""
    return float(text.removesuffix("%").replace("\u202f", "").replace("\u2212", "-"))


VALUES = st.floats(-1e9, 1e9) | st.floats(99.9, 100.1)


@given(VALUES, st.integers(-(10**11), 10**11).map(lambda cents: cents / 1000), st.sampled_from(["", "%"]))
@example(99.9951, 99.99, "%")
@example(89.9999999, 90.0, "")
@example(-0.0, 0.0, "")
def test_no_rounding_shows_the_target_before_it_is_reached(value: float, target: float, unit: str) -> None:
    """For values that rise and for values that fall."""
    shown = read(amount(value, unit, target))
    assert (shown < target, shown > target) == (value < target, value > target)


@given(VALUES, st.none() | VALUES)
def test_no_rounding_shows_completion_before_it_is_reached(value: float, target: float | None) -> None:
    """Neither as a value in percent nor as progress."""
    assert (read(amount(value, "%", target)) >= 100) == (value >= 100)
    assert (read(percent(value / 100)) >= 100) == (value / 100 >= 1)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("one\r\nBcc: all@example.com", "one Bcc: all@example.com"),
        ("tab\tand\x00null\u2028line", "tab and null line"),
        ("turned \u202egnp.exe\u202c back", "turned gnp.exe back"),
        ("half \ud800 a pair", "half ? a pair"),
        ("👩\u200d💻 שלום", "👩\u200d💻 שלום"),
    ],
)
def test_foreign_text_stays_on_one_line(text: str, safe: str) -> None:
    """No new header lines, no reversed direction, nothing that can't be encoded. Emoji and other scripts stay."""
    assert plain(text) == safe


def test_long_texts_are_clipped_and_short_ones_are_not() -> None:
    """An ellipsis marks the end."""
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdefg", 6) == "abcde…"


def test_names_are_joined_as_in_a_sentence() -> None:
    """One, two and three names."""
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
