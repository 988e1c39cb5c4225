"""Conditions: what they match, what they refuse, and which scopes they can match."""

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.condition_reach import possible_scopes
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.conditions import (
    RuleError,
    Subject,
    compile_condition,
)
from sync_service.domain.text import folded

ISSUE = Subject(
    scope="acme/checkout",
    kind="issue",
    state="todo",
    type="bug",
    title="pay by card fails in málaga",
    milestone="v1.0",
    parent="acme/checkout#7",
    under=frozenset({"acme/checkout#7", "acme/plans#1"}),
    priority="high",
    resolution="",
    author="anaruiz",
    labels=frozenset({"checkout", "area: payments"}),
    components=frozenset({"card form", "ledger"}),
    versions=frozenset({"2.0"}),
    assignee=frozenset({"anaruiz"}),
)
BARE = Subject(scope="acme/checkout", kind="issue", state="todo")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "labels", "has": "Checkout"}, True),
        ({"field": "labels", "has": "check"}, False),
        ({"field": "labels", "contains": "check"}, True),
        ({"field": "labels", "in": ["nothing", "CHECKOUT"]}, True),
        ({"field": "labels", "matches": "area:*"}, True),
        ({"field": "labels", "matches": "*pay*nts"}, True),
        ({"field": "labels", "matches": "area"}, False),
        ({"field": "scope", "is": "acme/checkout"}, True),
        ({"field": "scope", "in": ["acme/billing"]}, False),
        ({"field": "scope", "matches": "acme/*"}, True),
        ({"field": "kind", "is": "issue"}, True),
        ({"field": "kind", "in": ["pull_request"]}, False),
        ({"field": "state", "is": "todo"}, True),
        ({"field": "state", "in": ["done", "dropped"]}, False),
        ({"field": "type", "is": "BUG"}, True),
        ({"field": "title", "contains": "MÁLAGA"}, True),
        ({"field": "title", "matches": "pay*"}, True),
        ({"field": "title", "matches": "*fails*card*"}, False),
        ({"field": "milestone", "is": "v1.0"}, True),
        ({"field": "milestone", "is": None}, False),
        ({"field": "parent", "is": "acme/checkout#7"}, True),
        ({"field": "under", "is": "Acme/Plans#1"}, True),
        ({"field": "under", "is": "acme/checkout#7"}, True),
        ({"field": "under", "in": ["acme/plans#2", "acme/plans#1"]}, True),
        ({"field": "under", "in": ["acme/plans#2", "acme/plans#3"]}, False),
        ({"field": "under", "matches": "acme/plans#*"}, True),
        ({"field": "under", "matches": "*#2"}, False),
        ({"field": "under", "is": None}, False),
        ({"field": "assignee", "is": "AnaRuiz"}, True),
        ({"field": "assignee", "is": None}, False),
        ({"field": "components", "has": "Ledger"}, True),
        ({"field": "components", "is": "LEDGER"}, True),
        ({"field": "components", "contains": "card"}, True),
        ({"field": "components", "matches": "card *"}, True),
        ({"field": "components", "is": None}, False),
        ({"field": "versions", "in": ["1.0", "2.0"]}, True),
        ({"field": "versions", "has": "2"}, False),
        ({"field": "sprint", "is": None}, True),
        ({"field": "sprint", "contains": "sprint"}, False),
        ({"field": "priority", "in": ["Highest", "HIGH"]}, True),
        ({"field": "priority", "is": None}, False),
        ({"field": "resolution", "is": None}, True),
        ({"field": "author", "is": "AnaRuiz"}, True),
        ({"field": "author", "matches": "bot-*"}, False),
        ({"all": [{"field": "labels", "has": "checkout"}, {"field": "type", "is": "bug"}]}, True),
        ({"all": [{"field": "labels", "has": "checkout"}, {"field": "type", "is": "story"}]}, False),
        ({"any": [{"field": "type", "is": "story"}, {"field": "type", "is": "bug"}]}, True),
        ({"none": [{"field": "type", "is": "story"}, {"field": "state", "is": "done"}]}, True),
        ({"none": [{"field": "type", "is": "bug"}]}, False),
        ({"all": [{"field": "type", "is": "bug"}], "none": [{"field": "labels", "has": "checkout"}]}, False),
        ({"all": [{"any": [{"none": [{"field": "type", "is": "story"}]}]}]}, True),
    ],
)
def test_condition_holds(condition: dict[str, Any], *, expected: bool) -> None:
    """Text is compared without regard to case."""
    assert compile_condition(condition)(ISSUE) is expected


@pytest.mark.parametrize("field", ["milestone", "parent", "under", "assignee", "type"])
def test_a_condition_can_require_an_empty_field(field: str) -> None:
    """`is: null` holds if the issue has no value."""
    assert compile_condition({"field": field, "is": None})(BARE)
    assert not compile_condition({"field": field, "is": None})(ISSUE)


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (None, ()),
        ({}, ()),
        ([], ()),
        ("labels has x", ()),
        ({"field": "colour", "is": "red"}, ("field",)),
        ({"field": ["labels"], "has": "x"}, ("field",)),
        ({"field": "labels"}, ()),
        ({"field": "labels", "has": "x", "in": ["y"]}, ()),
        ({"field": "kind", "matches": "*"}, ()),
        ({"field": "labels", "has": ""}, ("has",)),
        ({"field": "labels", "has": 3}, ("has",)),
        ({"field": "labels", "has": "a\x00b"}, ("has",)),
        ({"field": "title", "contains": "\ud800"}, ("contains",)),
        ({"field": "labels", "in": []}, ("in",)),
        ({"field": "labels", "in": "x"}, ("in",)),
        ({"field": "state", "is": "closed"}, ("is",)),
        ({"field": "state", "is": None}, ("is",)),
        ({"all": []}, ("all",)),
        ({"each": [{"field": "type", "is": "bug"}]}, ("each",)),
        ({"all": [{"field": "type", "is": "bug"}, {"field": "nope", "is": "x"}]}, ("all", 1, "field")),
    ],
)
def test_an_invalid_condition_names_the_field(condition: object, path: tuple[object, ...]) -> None:
    """The error shows what was found and what is allowed."""
    with pytest.raises(RuleError) as raised:
        compile_condition(condition)
    assert raised.value.path == path
    assert raised.value.allowed in str(raised.value)


def test_deep_nesting_is_refused() -> None:
    """People write conditions, so a deep one is an error or an attack, and must not exhaust the stack."""
    condition: dict[str, Any] = {"field": "type", "is": "bug"}
    for _ in range(500):
        condition = {"all": [condition]}
    with pytest.raises(RuleError, match="nested"):
        compile_condition(condition)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_stars_match_like_globs(pattern: str, text: str) -> None:
    """Compare with the obvious recursive definition."""

    def plain(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(plain(rest[1:], left[cut:]) for cut in range(len(left) + 1))
        return left[:1] == rest[0] and plain(rest[1:], left[1:])

    if pattern.strip():
        condition = {"field": "title", "matches": pattern}
        subject = Subject(scope="s", kind="issue", state="todo", title=text)
        assert compile_condition(condition)(subject) is plain(pattern, text)


A, B = {"field": "scope", "is": "Acme/A"}, {"field": "scope", "in": ["acme/a", "acme/b"]}
OTHER = {"field": "type", "is": "bug"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (A, {"acme/a"}),
        (B, {"acme/a", "acme/b"}),
        (OTHER, None),
        ({"all": [A, B]}, {"acme/a"}),
        ({"all": [OTHER, B]}, {"acme/a", "acme/b"}),
        ({"any": [A, OTHER]}, None),
        ({"any": [A, B]}, {"acme/a", "acme/b"}),
        ({"none": [A]}, None),
        ({"all": [OTHER], "any": [A]}, {"acme/a"}),
        ({"field": "scope", "matches": "acme/*"}, None),
        ({"field": "scope", "is": None}, {""}),
    ],
)
def test_the_scopes_that_a_rule_can_match(condition: dict[str, Any], expected: set[str] | None) -> None:
    """The answer is none if a rule may match in any scope."""
    assert possible_scopes(condition) == expected


def test_a_condition_is_described_in_words() -> None:
    """Lists and mails show this text."""
    condition = {"all": [{"field": "labels", "has": "checkout"}, {"any": [A, OTHER]}], "none": [OTHER]}
    assert describe(condition) == (
        "(labels include checkout and (scope is Acme/A or type is bug)) and (none of (type is bug))"
    )
    assert describe({"field": "assignee", "is": None}) == "assignee is empty"
    assert describe({"field": "labels", "in": ["a", "b"]}) == "labels include one of a, b"
    assert describe({"field": "sprint", "has": "Sprint 7"}) == "sprint is Sprint 7"
    assert describe({"field": "type", "in": ["Story", "Bug"]}) == "type is one of Story, Bug"
    assert describe({"field": "versions", "is": None}) == "versions are empty"


LETTERS = st.text("aeÉéñüåकिがẞ\u017fİ한ά\u0301\u0308\u0327", min_size=1, max_size=8)


@given(LETTERS)
def test_names_that_look_alike_match_in_every_unicode_form(name: str) -> None:
    """A label typed on a Mac is often decomposed (NFD), a rule from another keyboard composed (NFC)."""
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    for written in forms:
        for typed in (written, written.upper()):
            for form in forms:
                subject = replace(BARE, labels=frozenset({folded(form)}), title=folded(f"x {form} y"))
                assert compile_condition({"field": "labels", "has": typed})(subject)
                assert compile_condition({"field": "title", "contains": typed})(subject)


def test_letters_that_look_different_do_not_match() -> None:
    """An accent is no decoration, and a width is another character."""
    for typed in ("resume", "résumè", "\uff32ÉSUMÉ"):
        assert not compile_condition({"field": "title", "is": typed})(replace(BARE, title=folded("résumé")))


@pytest.mark.parametrize(
    ("condition", "nearest"),
    [
        ({"field": "lables", "has": "checkout"}, "labels"),
        ({"field": "state", "is": "doen"}, "done"),
        ({"field": "kind", "in": ["isue"]}, "issue"),
    ],
)
def test_the_nearest_name_is_suggested(condition: dict[str, object], nearest: str) -> None:
    """Of unknown fields and values."""
    with pytest.raises(RuleError) as caught:
        compile_condition(condition)
    assert caught.value.allowed.endswith(f"; did you mean {nearest}?")
