"""JQL as rule queries: what is refused, how Jira checks it, and how it is joined with our clauses."""

from typing import Any

import pytest
import responses
from hypothesis import example, given
from hypothesis import strategies as st

import simulator
from connectors.jira import Jira
from connectors.jira.query.order_by import LONGEST, quoted, restriction
from simulator.jira.query.jql import Compound, Condition, Value, parse
from sync_service.domain.trackers.connector import Connection, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import EvaluatesQueries
from tests.connectors.jira.fake_http import BY_CLOUD, BY_SERVER, CLOUD, SERVER, by

QUIET = Connection(slug="acme", site="https://acme.atlassian.net")
SCOPES = [ScopeRef("10100", "SHOP"), ScopeRef("", "PAY")]


def test_the_connector_evaluates_queries() -> None:
    """By calling Jira, so its "no" removes nothing."""
    assert isinstance(Jira(), EvaluatesQueries)
    assert not Jira().evaluates_locally


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Unbounded JQL queries are not allowed here."),
        ("  \n", "Unbounded JQL queries are not allowed here."),
        ("order by key", "Unbounded JQL queries are not allowed here."),
        ("  ORDER\n By created DESC, key", "Unbounded JQL queries are not allowed here."),
        ("project = SHOP) OR (project = HR", "the parenthesis at character 15 was never opened"),
        ("(project = SHOP", "1 of its parentheses are never closed"),
        ("((project = SHOP", "2 of its parentheses are never closed"),
        ('summary ~ "pay', "the quote at character 11 is not closed"),
        ("summary ~ 'pay\\'", "the quote at character 11 is not closed"),
        ("labels = a\x00b", "NUL"),
        ("labels = a\\", "the backslash at character 11 escapes nothing"),
        ("x" * (LONGEST + 1), f"a query may have {LONGEST} characters, and this has {LONGEST + 1}"),
    ],
)
def test_an_unusable_query_is_refused_without_a_call(query: str, says: str) -> None:
    """The error says what to change."""
    with pytest.raises(Rejected) as caught:
        Jira().check_query(QUIET, query=query)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("project = SHOP", "project = SHOP"),
        (" project = SHOP ORDER BY created DESC ", "project = SHOP"),
        ("project=SHOP order\n\tby rank", "project=SHOP"),
        ("(a = 1)ORDER BY key", "(a = 1)"),
        ('summary ~ "in order by key"', 'summary ~ "in order by key"'),
        ("summary ~ 'it\\'s (order by'", "summary ~ 'it\\'s (order by'"),
        ('"Order" = 1 AND reorder = by', '"Order" = 1 AND reorder = by'),
        ("component = 'Köln & Ümlaut'", "component = 'Köln & Ümlaut'"),
        ("labels = it\\'s ORDER BY key", "labels = it\\'s"),
        ("labels = a\\)\\( order by key", "labels = a\\)\\("),
        ("labels = order\\ by", "labels = order\\ by"),
    ],
)
def test_an_order_is_removed(query: str, expected: str) -> None:
    """Listings have an order of their own. Text that only looks like an order stays."""
    Jira().check_query(QUIET, query=query)
    assert restriction(query) == expected


@example(r"a=it\'s")
@example("a=b\\")
@example(r"a=\(b")
@example(r"a=b\) OR (c=d")
@given(st.text(alphabet="ab =()\"'\\ORDERBYorderby\n\t", max_size=40) | st.text(max_size=40))
def test_our_clause_always_holds_together_with_a_query(query: str) -> None:
    """For any query text, as Jira parses it."""
    try:
        joined = f"({restriction(query)}) AND project in (7)"
        where = parse(joined).where
    except (ValueError, Rejected):
        return  # refused by us, or by Jira
    assert isinstance(where, Compound)
    assert where.operator == "and"
    last = where.clauses[-1]
    assert isinstance(last, Condition)
    assert last.field == "project"


def test_values_are_quoted_for_jql() -> None:
    """Whatever they contain."""
    written = 'a "b" \\ c'
    where = parse(f"project = {quoted(written)}").where
    assert isinstance(where, Condition)
    assert where.operands == (Value(written, quoted=True),)


def test_jira_checks_a_query_in_its_own_words(tracker: simulator.Jira) -> None:
    """By parsing it on Cloud, by a search without results on Data Center."""
    tracker.project("SHOP")
    Jira().check_query(by(tracker), query="project = SHOP AND labels = pay ORDER BY key")
    with pytest.raises(Rejected, match=r"Jira refuses the query: Field 'nothing' does not exist"):
        Jira().check_query(by(tracker), query="project = SHOP AND nothing = 1")
    with pytest.raises(Rejected, match="Expecting a value"):
        Jira().check_query(by(tracker), query="project =")
    assert len(tracker.rest.calls) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_credentials_that_may_only_search_skip_the_check(mock: responses.RequestsMock, status: int) -> None:
    """Scoped tokens may lack the check's permission. The search reports a real error."""
    mock.post(f"{CLOUD}/jql/parse", status=status, json={"errorMessages": ["scope does not match"]})
    Jira().check_query(BY_CLOUD, query="project = SHOP")


def test_other_responses_of_the_check_have_their_usual_meaning(mock: responses.RequestsMock) -> None:
    """A server error refuses no query, and an unusual response finds no error in it."""
    mock.post(f"{CLOUD}/jql/parse", status=503)
    with pytest.raises(Unavailable):
        Jira().check_query(BY_CLOUD, query="project = SHOP")
    odds: list[Any] = [{"queries": []}, {"queries": [{"errors": "all"}]}, {"queries": [{"errors": [7, "\x00"]}]}, {}]
    for odd in odds:
        mock.replace(responses.POST, f"{CLOUD}/jql/parse", json=odd)
        Jira().check_query(BY_CLOUD, query="project = SHOP")
    mock.post(f"{SERVER}/search", status=403)
    with pytest.raises(Refused):
        Jira().check_query(BY_SERVER, query="project = SHOP")


def test_a_site_without_matches_is_named() -> None:
    """Data Center has no matches. Without credentials the edition is unknown."""
    assert Jira().not_evaluable(BY_CLOUD, query="project = SHOP") == ()
    assert Jira().not_evaluable(BY_SERVER, query="project = SHOP") == ("JQL on Data Center",)
    assert Jira().not_evaluable(QUIET, query="project = SHOP") == ()
    assert Jira().query_bucket(BY_CLOUD, query="project = SHOP", scopes=SCOPES) == "reading"
