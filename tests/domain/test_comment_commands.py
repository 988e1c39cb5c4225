"""Parse `/okr` commands in the lines of a comment: which words they ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.comment_commands import MAX_KEY_RESULTS, parse_lines


@pytest.mark.parametrize(
    ("lines", "wants"),
    [
        (["/okr KR-1"], ("KR-1",)),
        (["Yes.", "", "  /OKR kr-1, KR-2  KR-1", "Thanks"], ("kr-1", "KR-2", "KR-1")),
        (["/okr KR-1."], ("KR-1",)),
        (["/okr `KR-1`"], ("KR-1",)),
        (["/okr KR-1", "/okr KR-2"], ("KR-1", "KR-2")),
        (["/okr none"], ()),
        (["/okr None"], ()),
        (["/okr KR-1", "/okr none"], ()),
        (["/okr none", "/okr KR-2"], ("KR-2",)),
        (["/okr"], None),
        (["/okr ,"], None),
        (["/okrs KR-1"], None),
        (["write /okr KR-1"], None),
        (["`/okr KR-1`"], None),
        ([], None),
    ],
)
def test_a_line_that_begins_with_the_command_asks_for_what_it_names(
    lines: list[str], wants: tuple[str, ...] | None
) -> None:
    """Other lines ask for nothing."""
    assert parse_lines(lines) == wants


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u2007", "\u3000", "\t", " \u00a0", "\u200b \u200b", "\ufeff "])
def test_blanks_of_any_kind_separate_the_words_of_a_command(blank: str) -> None:
    """Editors write no-break spaces, and marks that nobody sees."""
    assert parse_lines([f"{blank}/okr{blank}KR-1{blank}KR-2{blank}"]) == ("KR-1", "KR-2")


@pytest.mark.parametrize("written", ["KR\u20111", "KR\u20101", "KR-\u200b1", "KR\u00ad-1\u200e"])
def test_a_slug_with_an_editors_hyphen_is_the_slug(written: str) -> None:
    """A hyphen that may not break a line, and marks without width."""
    assert parse_lines([f"/okr {written}"]) == ("KR-1",)


def test_the_names_in_a_comment_are_limited() -> None:
    """Their number and their length are limited."""
    found = parse_lines(["/okr " + " ".join(f"KR-{number}{'x' * 200}" for number in range(100))])
    assert found is not None
    assert len(found) == MAX_KEY_RESULTS
    assert max(map(len, found)) == 100


@given(st.lists(st.text(alphabet="/okr KR-1none`~<!->\t\u00a0", max_size=80)))
def test_any_lines_can_be_parsed(lines: list[str]) -> None:
    """They give slugs or nothing, and never an error."""
    found = parse_lines(lines)
    assert found is None or all(found)
