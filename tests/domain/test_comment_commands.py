"""Parse `/okr` commands in comments: which lines count and which do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.trackers.comment_commands import MAX_KEY_RESULTS, parse_markdown


@pytest.mark.parametrize(
    ("body", "wants"),
    [
        ("/okr KR-1", ("KR-1",)),
        ("Yes.\r\n\r\n  /OKR kr-1, KR-2  KR-1\r\nThanks", ("kr-1", "KR-2", "KR-1")),
        ("/okr KR-1.", ("KR-1",)),
        ("/okr KR-1\n/okr KR-2", ("KR-1", "KR-2")),
        ("/okr none", ()),
        ("/okr None", ()),
        ("/okr KR-1\n/okr none", ()),
        ("/okr none\n/okr KR-2", ("KR-2",)),
        ("~~~\ncode\n~~~\n/okr KR-1", ("KR-1",)),
        ("<!-- a -->/okr KR-1<!-- b -->", ("KR-1",)),
        ("/okr", None),
        ("/okr ,", None),
        ("/okrs KR-1", None),
        ("write /okr KR-1", None),
        ("> /okr KR-1", None),
        ("    /okr KR-1", None),
        ("\t/okr KR-1", None),
        ("- /okr KR-1", None),
        ("`/okr KR-1`", None),
        ("```\n/okr KR-1\n```", None),
        ("````md\n```\n/okr KR-1\n```\n````", None),
        ("~~~\n/okr KR-1", None),
        ("<!--\n/okr KR-1\n-->", None),
        ("<!-- /okr KR-1 -->", None),
        ("", None),
    ],
)
def test_a_visible_line_of_its_own_is_a_command(body: str, wants: tuple[str, ...] | None) -> None:
    """Code, quotes and hidden text are no commands."""
    assert parse_markdown(body) == wants


def test_the_names_in_a_comment_are_limited() -> None:
    """Their number and their length are limited."""
    found = parse_markdown("/okr " + " ".join(f"KR-{number}{'x' * 200}" for number in range(100)))
    assert found is not None
    assert len(found) == MAX_KEY_RESULTS
    assert max(map(len, found)) == 100


@given(st.text(alphabet="/okr KR-1none`~<!->\n\t", max_size=80))
def test_any_text_can_be_parsed(body: str) -> None:
    """Any text gives slugs or nothing, and never an error."""
    found = parse_markdown(body)
    assert found is None or all(found)


def test_many_unclosed_marks_are_parsed_fast() -> None:
    """A comment may have 65,536 characters."""
    assert parse_markdown("<!--" * 16_000 + "\n/okr KR-1") is None
    assert parse_markdown("<!---->" * 9_000 + "\n/okr KR-1") == ("KR-1",)
