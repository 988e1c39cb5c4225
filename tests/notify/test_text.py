"""Numbers as people write them, and strangers' texts made safe."""

import pytest

from sync_service.domain.text import amount, clipped, listed, number, plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (-0.00001, "0"),
        (37.5, "37.5"),
        (12.0, "12"),
        (100.0, "100"),
        (1234567.891, "1,234,567.89"),
        (0.125, "0.125"),
        (-3.0, "-3"),
    ],
)
def test_numbers_have_no_needless_zeros(value: float, written: str) -> None:
    """37.5 is not 37.500000, and 100 not 1."""
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (62.0, "%", "62 %"),
        (37.5, "%", "37.5 %"),
        (100 / 3, "%", "33.3 %"),
        (99.99, "%", "99.9 %"),
        (100.0, "%", "100 %"),
        (12.0, "bugs", "12 bugs"),
        (12.0, "", "12"),
        (None, "%", "no data"),
    ],
)
def test_amounts_carry_their_unit(value: float | None, unit: str, written: str) -> None:
    """What is short of a hundred percent is never rounded up to it."""
    assert amount(value, unit) == written


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
def test_a_strangers_text_stays_on_its_line(text: str, safe: str) -> None:
    """No new header lines, no turned direction, nothing that can't be encoded; emoji and other scripts stay."""
    assert plain(text) == safe


def test_long_texts_are_clipped_and_short_ones_are_not() -> None:
    """The end is marked."""
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdefg", 6) == "abcde…"


def test_names_are_joined_as_in_a_sentence() -> None:
    """One, two and three names."""
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
