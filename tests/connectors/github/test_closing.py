"""Closing keywords: which issues a pull request closes by its description."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.github import GitHub
from connectors.github.model.closing_keywords import MOST_CLOSINGS, parse_closing_keywords
from sync_service.domain.trackers.observations import Closing, ScopeRef, Snapshot
from tests.connectors.github.payloads import CHECKOUT, CONNECTION, delivery, issue, pull

SCOPE = ScopeRef("8001", "acme/checkout")
PAGE = "https://github.com/acme/checkout/pull/14"


def keys(text: str) -> list[str]:
    """Return the keys that a description of acme/checkout#14 closes."""
    return [one.key for one in parse_closing_keywords(text, scope=SCOPE, page=PAGE)]


KEYWORDS = ("close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved")


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_every_keyword_in_any_case_with_or_without_a_colon_closes(keyword: str) -> None:
    """The nine keywords of GitHub's documentation."""
    for written in (keyword, keyword.upper(), keyword.title(), f"{keyword}:"):
        assert keys(f"This {written} #10, at last.") == ["acme/checkout#10"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fixes #10", ["acme/checkout#10"]),
        ("Fixes acme/ledger#100", ["acme/ledger#100"]),
        ("Fixes Acme/Checkout#7", ["acme/checkout#7"]),
        ("Fixes https://github.com/acme/ledger/issues/5", ["acme/ledger#5"]),
        ("Fixes http://GitHub.com/acme/checkout/issues/5.", ["acme/checkout#5"]),
        ("(fixes #1)\nresolves #2; closes   #3", ["acme/checkout#1", "acme/checkout#2", "acme/checkout#3"]),
        ("* Closes #4\n* closes #4", ["acme/checkout#4"]),
        ("- part\n\n    Closes #8", ["acme/checkout#8"]),
        ("> Closes #9", ["acme/checkout#9"]),
        ("Fixes #1, #2 and #3", ["acme/checkout#1"]),
        ("no-close: #31", ["acme/checkout#31"]),
        ("a hot-fix #10", ["acme/checkout#10"]),
        ("Closes gh-20", ["acme/checkout#20"]),
        ("Fixes: GH-20.", ["acme/checkout#20"]),
        ("- item\n  ```\n  code\n  ```\n\ncloses #2", ["acme/checkout#2"]),
        ("the text `<!--`\n\ncloses #2", ["acme/checkout#2"]),
        ("**Closes #2**", ["acme/checkout#2"]),
        ("<details>\ncloses #2\n</details>", ["acme/checkout#2"]),
        ("Fixes #1 `and` closes #2", ["acme/checkout#1", "acme/checkout#2"]),
        ("a lone ` and closes #2", ["acme/checkout#2"]),
        ("one ` here\n\nand ` there, closes #2", ["acme/checkout#2"]),
        ("closes #1\n```\ncloses #2\n```\ncloses #3", ["acme/checkout#1", "acme/checkout#3"]),
        ("~~~\n```\ncloses #2\n~~~\ncloses #3", ["acme/checkout#3"]),
        ("``` not a fence ``` closes #3", ["acme/checkout#3"]),
        ("<!-- closes #1 --> closes #2", ["acme/checkout#2"]),
        ("text\r\n\r\n    closes #1\r\n\r\ncloses #2\r\n", ["acme/checkout#2"]),
    ],
)
def test_a_reference_has_the_forms_that_github_accepts(text: str, expected: list[str]) -> None:
    """A number, a repository and number, or a URL of an issue on the same site, right after the keyword."""
    assert keys(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#10",
        "see #10",
        "closing #10",
        "discloses #10",
        "prefix #10",
        "closes 10",
        "closes #0",
        "closes #10a",
        "closes\n#10",
        "closes acme/ledger GH-10",
        "closes GH-#10",
        "no_close: #10",
        "pr\u00e9fix #10",
        "1. ```\n   closes #10\n   ```",
        "- ~~~\n  closes #10",
        "<code>closes #10</code>",
        "<pre>\ncloses #10\n</pre>",
        "closes [#10](https://github.com/acme/checkout/issues/10)",
        "closes https://gitlab.com/acme/checkout/issues/10",
        "closes https://github.com/acme/checkout/pull/10",
        "`closes #10`",
        "``a ` closes #10``",
        "```\ncloses #10",
        "````\n```\ncloses #10\n````",
        "> ```\n> closes #10\n> ```",
        "<!-- closes #10 -->",
        "<!--\ncloses #10",
        "text\n\n    closes #10",
        "\tcloses #10",
        "text\n\n    code\n\n    closes #10",
        "closes <!-- --> #10",
        "closes `x` #10",
    ],
)
def test_mentions_code_and_comments_close_nothing(text: str) -> None:
    """A comment in a template closes nothing either."""
    assert keys(text) == []


def test_only_an_issue_of_the_same_repository_has_an_identity() -> None:
    """Others have only a key, because an identity needs the repository's id."""
    found = parse_closing_keywords("fixes ACME/checkout#2, fixes acme/ledger#1", scope=SCOPE, page=PAGE)
    assert found == (Closing("acme/checkout#2", "8001#2"), Closing("acme/ledger#1"))


def test_a_description_closes_at_most_a_hundred_issues() -> None:
    """The size of a row is limited."""
    assert len(keys(" ".join(f"fixes #{number}" for number in range(1, 500)))) == MOST_CLOSINGS


@given(st.text(st.sampled_from("`~<!->\n \t#1fix:closesa/"), max_size=60))
def test_any_text_can_be_parsed(text: str) -> None:
    """It gives only keys, and never an error."""
    assert all("#" in key for key in keys(text))


RISING = " ".join("`" * size for size in range(1, 350))
LONG = {
    "one run": ("`" * 65_000, False),
    "runs that never match": ("`` ` ``` " * 8_000, False),
    "runs of every length": (RISING + " `" * 2_500, True),
    "comments": ("<!--" * 16_000, False),
    "open fences": ("~~~~\n```\n" * 7_000, False),
    "keywords": ("close " * 11_000, True),
    "names": ("fixes a/" * 8_000 + "fixes " + "a" * 5_000, True),
    "address": ("fixes https://" + "a" * 60_000, True),
    "lines": ("\n" * 65_000, True),
    "quotes": ("> " * 32_000, True),
    "indented": ("    x\n\n" * 9_000, True),
    "spaces": (" " * 60_000 + "x", True),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_unusual_text_is_parsed_fast(name: str) -> None:
    """Anybody may write a description. If parsing took minutes, a worker would stop, and so would this test."""
    text, read_to_the_end = LONG[name]
    assert keys(text + "\n\ncloses #1") == (["acme/checkout#1"] if read_to_the_end else [])


def closed_by(body: Any = "Fixes #10", **changes: Any) -> tuple[Closing, ...] | None:
    """Return what a pull request delivery says it closes."""
    (seen,) = (
        GitHub()
        .parse_delivery(delivery("pull_request", "edited", pull_request=pull(body=body, **changes)), CONNECTION)
        .observations
    )
    assert isinstance(seen, Snapshot)
    return seen.closes


def test_a_pull_request_closes_what_its_description_says() -> None:
    """An empty description closes nothing."""
    assert closed_by() == (Closing("acme/checkout#10", "8001#10"),)
    assert closed_by(None) == ()
    assert closed_by("Just words.") == ()


def test_a_pull_request_into_another_branch_closes_nothing() -> None:
    """GitHub reads the keywords only if the base is the default branch."""
    assert closed_by(base={"ref": "release", "repo": CHECKOUT}) == ()


def test_closing_links_without_enough_data_are_unknown() -> None:
    """They need a description, a base and the name of the default branch."""
    assert closed_by(base={"ref": None, "repo": CHECKOUT}) is None
    bare = {name: value for name, value in CHECKOUT.items() if name != "default_branch"}
    assert closed_by(base={"ref": "main", "repo": bare}) == (Closing("acme/checkout#10", "8001#10"),)
    post = delivery("pull_request", "edited", pull_request=pull(base={"ref": "main"}), repository=bare)
    (seen,) = GitHub().parse_delivery(post, CONNECTION).observations
    assert isinstance(seen, Snapshot)
    assert seen.closes is None
    (seen,) = GitHub().parse_delivery(delivery("pull_request", "edited", pull_request=pull()), CONNECTION).observations
    assert isinstance(seen, Snapshot)
    assert seen.closes is None
    dressed = issue(number=14, pull_request={"url": "…"}, body="Fixes #10")
    (seen,) = GitHub().parse_delivery(delivery("issues", "milestoned", issue=dressed), CONNECTION).observations
    assert isinstance(seen, Snapshot)
    assert seen.closes is None


def test_an_issue_closes_nothing() -> None:
    """Keywords count only in pull requests."""
    (seen,) = (
        GitHub().parse_delivery(delivery("issues", "edited", issue=issue(body="Fixes #10")), CONNECTION).observations
    )
    assert isinstance(seen, Snapshot)
    assert seen.closes is None
