"""GitHub searches as rule queries: parse and evaluate them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.github import GitHub
from connectors.github.query.parse import EVALUATED_LOCALLY, GITHUB_ONLY
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Account, Kind, ScopeRef, State
from sync_service.domain.trackers.queries import Candidate, HasVocabulary

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)
NOWHERE = Connection(slug="quiet", site="https://api.github.com")
ISSUE = Issue(
    identity="8001#12",
    key="acme/checkout#12",
    scope=ScopeRef("8001", "acme/checkout"),
    type="Bug",
    title="Pay by card fails in Köln",
    state=State.DONE,
    resolution="not_planned",
    labels=("7", "8"),
    milestone="3",
    assignees=(Account("Ana", "Ana"),),
    author=Account("ben", "ben"),
    parent_key="acme/checkout#3",
    parent_at=AT,
    created_at=AT,
    updated_at=AT.replace(day=7),
    closed_at=AT.replace(day=6),
)
ONE = Candidate(
    issue=ISSUE, scope_names=frozenset({"acme/checkout"}), labels=("Checkout", "good first"), milestone="Q4 Launch"
)
PULL = replace(ONE, issue=replace(ISSUE, kind=Kind.PULL_REQUEST, type=None, resolution="merged"), labels=())
OPEN = replace(ONE, issue=replace(ISSUE, state=State.TODO, resolution=None, closed_at=None, parent_at=None))


def evaluated(query: str, one: Candidate = ONE) -> bool | None:
    """Evaluate a search with the scope that every search must have."""
    whole = f"repo:acme/checkout (is:issue OR is:pr) ({query})"
    return GitHub().match(NOWHERE, queries=[whole], candidates=[one])[whole]["8001#12"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("is:closed", True),
        ("is:open", False),
        ("state:closed -is:open", True),
        ("is:pr", False),
        ("type:issue", True),
        ("type:bug", True),
        ('type:"Bug"', True),
        ("type:Task", False),
        ('reason:"not planned"', True),
        ("reason:completed", False),
        ("label:CHECKOUT", True),
        ('label:"Good First"', True),
        ('label:bug,"good first"', True),
        ("label:check", False),
        ("label:check*", None),
        ("label:checkout label:bug", False),
        ('milestone:"q4 launch"', True),
        ("milestone:q5", False),
        ("milestone:*", None),
        ("assignee:ANA", True),
        ("assignee:ben", False),
        ("assignee:@me", None),
        ("author:Ben", True),
        ("author:app/robot", None),
        ("no:label", False),
        ("-no:assignee", True),
        ("no:project", None),
        ("no:parent-issue", False),
        ("parent-issue:acme/checkout#3", True),
        ("parent-issue:acme/checkout#4", False),
        ("created:2026-10-05", True),
        ("created:>=2026-10-05", True),
        ("created:>2026-10-04", True),
        ("created:>2026-10-05", None),
        ("created:>2026-10-06", False),
        ("created:<2026-10-05", False),
        ("created:<=2026-10-05", None),
        ("created:2026-10-01..2026-10-05", True),
        ("created:2026-10-06..*", False),
        ("created:*..2026-10-04", False),
        ("created:>=2026-10-05T14:00:00+02:00", True),
        ("created:>2026-10-05T12:00:00Z", False),
        ("closed:2026-10-06", True),
        ("updated:>@today-7d", None),
        ("merged:>=2026-01-01", False),
        ("card in:title", True),
        ('"pay by card" in:title', True),
        ("köln in:title", True),
        ("cards in:title", None),
        ("card in:body", None),
        ("-card in:title", False),
        ("NOT card", False),
        ("draft:true", None),
        ("draft:true is:open", False),
        ("draft:true OR is:closed", True),
        ("draft:true OR is:open", None),
        ("field.priority:high", None),
        ("archived:false AND (label:checkout OR label:x)", None),
    ],
)
def test_an_issue_is_evaluated_by_its_stored_fields(*, query: str, expected: bool | None) -> None:
    """Yes or no if that is sure; unknown if only GitHub can decide."""
    assert evaluated(query) is expected


@pytest.mark.parametrize(
    ("query", "one", "expected"),
    [
        ("is:merged", PULL, True),
        ("is:issue", PULL, False),
        ("merged:2026-10-06", PULL, True),
        ("no:label no:type", replace(PULL, issue=replace(PULL.issue, labels=())), True),
        ("reason:completed", PULL, False),
        ("reason:reopened", OPEN, None),
        ("closed:>2026-01-01", OPEN, False),
        ("no:parent-issue", OPEN, None),
        ("parent-issue:acme/checkout#3", OPEN, None),
        ("reason:completed", replace(ONE, issue=replace(ISSUE, resolution=None)), None),
        ("author:ben", replace(ONE, issue=replace(ISSUE, author=None)), None),
        ("no:milestone", replace(ONE, issue=replace(ISSUE, milestone=None)), True),
    ],
)
def test_unknown_fields_give_an_unknown_result(*, query: str, one: Candidate, expected: bool | None) -> None:
    """Unknown does not mean none. A pull request does not match a search for issues."""
    assert evaluated(query, one) is expected


def test_a_search_compares_names_in_every_unicode_form() -> None:
    """A label may be decomposed (NFD) where the query is composed (NFC), and the other way round."""
    for written, typed in (("Ko\u0308ln", "k\u00f6ln"), ("K\u00f6ln", "ko\u0308ln")):
        one = replace(ONE, labels=(written,), milestone=written, issue=replace(ISSUE, title=f"In {written} only"))
        assert evaluated(f"label:{typed} milestone:{typed} {typed} in:title", one) is True


def test_a_repository_matches_all_its_names() -> None:
    """A renamed repository may be stored with its old name."""
    renamed = replace(ONE, scope_names=frozenset({"acme/old", "Acme/Checkout"}))
    assert evaluated("is:closed", renamed) is True
    assert evaluated("is:closed", replace(ONE, scope_names=frozenset({"acme/other"}))) is False
    for query, expected in (("org:Acme is:issue", True), ("user:other is:issue", False), ("user:@me is:issue", None)):
        assert GitHub().match(NOWHERE, queries=[query], candidates=[ONE])[query]["8001#12"] is expected


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("is:issue label:x", "names no repository or owner"),
        ("is:issue -repo:acme/checkout", "names no repository or owner"),
        ("(repo:acme/checkout OR label:x) is:issue", "names no repository or owner"),
        ("repo:acme/checkout label:x", "must contain is:issue or is:pull-request"),
        ("repo:acme/checkout -is:pr", "must contain is:issue or is:pull-request"),
        ("repo:acme/a repo:acme/b is:issue", "write (repo:acme/a OR repo:acme/b)"),
        ("repo:acme is:issue", "repo: takes OWNER/NAME"),
        ("repo:acme/a is:isue", "is: takes one of"),
        ("repo:acme/a is:issue lable:x", "no qualifier lable:; did you mean label:?"),
        ("repo:acme/a is:issue sort:updated", "may not be sorted"),
        ("repo:acme/a is:issue created:yesterday", "is not a date"),
        ("repo:acme/a is:issue created:>=", "is not a date"),
        ("repo:acme/a is:issue created:9999-12-31", "is not a date"),
        ('repo:acme/a is:issue label:"x', "quotation mark is not closed"),
        ("repo:acme/a (is:issue", "a ( is not closed"),
        ("repo:acme/a is:issue)", "has no matching ("),
        ("repo:acme/a is:issue OR", "a term is missing"),
        ("repo:acme/a is:issue AND", "found the end"),
        ("repo:acme/a is:issue AND OR label:x", "found OR"),
        ("AND repo:acme/a is:issue", "a term is missing"),
        ("repo:acme/a is:issue NOT (label:x label:y)", "found NOT"),
        ("repo:acme/a is:issue -(label:x)", "has no value"),
        ("((((((repo:acme/a is:issue))))))", "may be nested 5 deep"),
        ("", "the query is empty"),
        ("repo:acme/a is:issue\nlabel:x", "can't be printed"),
        ("repo:acme/a is:issue " + "x" * 220, "at most 220"),
    ],
)
def test_an_unusable_query_is_refused(query: str, says: str) -> None:
    """The error says what to change."""
    with pytest.raises(Rejected) as caught:
        GitHub().check_query(NOWHERE, query=query)
    assert says in str(caught.value)


@given(st.text(st.sampled_from(list('repo:acme/a is:issue OR AND NOT label:x,"()-*>..2026 ')), max_size=80))
def test_any_text_is_parsed_or_refused(query: str) -> None:
    """There is no other result, and a parsed query can be evaluated."""
    try:
        GitHub().check_query(NOWHERE, query=query)
    except Rejected:
        return
    assert set(GitHub().match(NOWHERE, queries=[query], candidates=[ONE])[query]) == {"8001#12"}


def test_terms_that_only_github_can_evaluate_are_named() -> None:
    """Words too: GitHub also finds other forms of them."""
    query = "repo:acme/checkout is:issue archived:false pay label:a,b* created:>@today-1w no:project is:locked"
    assert GitHub().not_evaluable(NOWHERE, query=query) == [
        "archived:false",
        "created:>@today-1w",
        "is:locked",
        "label:a,b*",
        "no:project",
        "the word pay",
    ]
    assert GitHub().not_evaluable(NOWHERE, query="repo:acme/checkout is:issue label:a -is:open in:title") == []


def test_the_words_of_a_search_are_fixed() -> None:
    """Every qualifier that a query may have is named, with its values where they are few."""
    hub = GitHub()
    assert isinstance(hub, HasVocabulary)
    words = hub.vocabulary(None)
    assert words is not None
    assert words.help_url.startswith("https://docs.github.com/")
    fields = {one.name: one for one in words.fields}
    assert {*EVALUATED_LOCALLY, *GITHUB_ONLY} == fields.keys()
    assert "pr" in fields["is"].values
    assert ":>=" in fields["created"].operators
    assert set(hub.value_fields.values()) <= fields.keys()
