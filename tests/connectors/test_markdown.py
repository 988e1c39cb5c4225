"""CommonMark: what of a comment or a description is text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from connectors.markdown import own_lines, prose
from sync_service.domain.rules.comment_commands import parse_lines

COMMANDS = [
    "/okr KR-1",
    "Yes.\r\n\r\n  /okr KR-1\r\nThanks",
    "text\n    /okr KR-1",
    "/okr KR-1\n---\nAna",
    "/okr `KR-1`",
    "/okr&nbsp;KR\\-1",
    "~~~\ncode\n~~~\n/okr KR-1",
    "```code in one line```\n/okr KR-1",
    "- item\n  ```\n  code\n  ```\n\n/okr KR-1",
    "- ```\n  code\n  ```\n/okr KR-1",
    "1. ~~~\n   code\n   ~~~\n\n/okr KR-1",
    "> ```\n> code\n/okr KR-1",
    "begin with `<!--`\n\n/okr KR-1",
    "begin with `<!--`\n/okr KR-1",
    "\\<!-- is shown\n/okr KR-1",
    "a lone ` here\n\n/okr KR-1",
    "<!-- a -->/okr KR-1<!-- b -->",
    "<details>\n/okr KR-1\n</details>",
    "- item\n/okr KR-1",
    "10. item\n    /okr KR-1",
    "> quoted\n\n/okr KR-1",
    "> quoted\n/okr KR-1",
    "# Heading\n/okr KR-1",
]

NO_COMMANDS = [
    "",
    "> /okr KR-1",
    "> > /okr KR-1",
    "> a\n> /okr KR-1",
    "    /okr KR-1",
    "\t/okr KR-1",
    "- /okr KR-1",
    "1. /okr KR-1",
    "# /okr KR-1",
    "`/okr KR-1`",
    "`code\n/okr KR-1\nends`",
    "```\n/okr KR-1\n```",
    "````md\n```\n/okr KR-1\n```\n````",
    "~~~\n/okr KR-1",
    "1. ```\n   /okr KR-1\n   ```",
    "1. item\n\n       /okr KR-1",
    "- item\n\n      /okr KR-1",
    "- ~~~\n  /okr KR-1",
    "> ```\n> /okr KR-1\n> ```",
    "<!--\n/okr KR-1\n-->",
    "<!-- /okr KR-1 -->",
    "<pre>\n/okr KR-1\n</pre>",
    "<code>\n/okr KR-1\n</code>",
    "**/okr KR-1**",
    "[/okr KR-1](https://okr.example.com)",
    "| /okr KR-1 |\n|---|",
]


@pytest.mark.parametrize("body", COMMANDS)
def test_a_line_of_text_is_a_command_whatever_code_surrounds_it(body: str) -> None:
    """CommonMark decides what is code; a list or a quote without its mark does not matter."""
    assert parse_lines(own_lines(body)) == ("KR-1",)


@pytest.mark.parametrize("body", NO_COMMANDS)
def test_code_quotes_and_hidden_text_are_no_commands(body: str) -> None:
    """Neither are lines that begin with another mark."""
    assert parse_lines(own_lines(body)) is None


@pytest.mark.parametrize("body", [*COMMANDS, *NO_COMMANDS])
def test_what_a_command_asks_for_is_shown_to_readers_as_text(body: str) -> None:
    """The rendered page is the oracle: a command in code is inside `<code>`, and a hidden one is not there."""
    page = re.sub(r"<!--.*?-->|<(pre|code)>.*?</\1>", "", MarkdownIt("commonmark").render(body), flags=re.DOTALL)
    assert parse_lines(own_lines(body)) is None or "/okr" in page


def test_prose_leaves_out_code_comments_and_tags() -> None:
    """Each leaves a backtick, so that what is before and after it is not joined."""
    assert prose("a `b` c<!-- d -->e\n\n- f <b>g</b>\n\n```\nh\n```\n\n> i\nj") == "a  `  c ` e\n\nf  ` g ` \n\ni\nj"
    assert prose("<div>\na <code>b</code>\n</div>") == " ` \na  `  `  ` \n ` "


@given(st.text(alphabet="/okr KR-1`~<!->#*\n\t 1.[]()\\&;", max_size=120))
def test_any_text_can_be_read(body: str) -> None:
    """It never ends in an error, and no line has a line end."""
    assert not any("\n" in line for line in own_lines(body))
    assert isinstance(prose(body), str)


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("<!--" * 16_000, False),
        ("x <!--" * 10_000, True),
        ("<!---->" * 9_000, True),
        ("> a\nb\n" * 10_000, True),
        ("[a]: b 'c\n" * 6_000, True),
        ("x <a href='" * 5_000, True),
        ("[" * 65_000, True),
        ("&a" * 32_000, True),
        ("- " * 32_000, True),
    ],
)
def test_many_unclosed_marks_are_read_fast(body: str, reads: bool) -> None:  # noqa: FBT001  a table's column
    """A comment may have 65,536 characters. If reading it took minutes, a worker would stop, and so would this test."""
    assert parse_lines(own_lines(f"{body}\n\n/okr KR-1")) == (("KR-1",) if reads else None)
