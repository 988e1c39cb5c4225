"""Asking Jira about JQL before a rule has it: count, newest matches, and every answer that is not "no matches"."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

import simulator
from connectors.jira import Jira
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef, State
from sync_service.domain.trackers.queries import ASKED_FIRST, AnswersQueries, QueryAnswer
from tests.connectors.jira.fake_http import BY_CLOUD, BY_SERVER, CLOUD, SERVER, by

SHOP = [ScopeRef("10100", "SHOP")]
ROW = {"id": "1", "key": "SHOP-1", "fields": {"summary": "Pay", "status": {"statusCategory": {"key": "done"}}}}


def ask(connection: Connection, query: str = "labels = pay", scopes: list[ScopeRef] | None = None) -> QueryAnswer:
    """Ask about a query."""
    jira = Jira()
    assert isinstance(jira, AnswersQueries)
    return jira.ask_query(connection, query=query, scopes=SHOP if scopes is None else scopes)


def test_all_matches_are_counted_and_the_newest_shown(tracker: simulator.Jira) -> None:
    """The order of the query does not matter, and matches in other projects are only counted."""
    shop, attic = tracker.project("SHOP"), tracker.project("ATTIC")
    shop.create_issue("Pay", labels=["pay"]).finish()
    shop.create_issue("Pay again", labels=["pay"])
    attic.create_issue("Old", labels=["pay"])
    answer = ask(by(tracker), "labels = pay ORDER BY rank", [ScopeRef("", "SHOP")])
    assert [(one.key, one.title, one.state) for one in answer.first] == [
        ("SHOP-2", "Pay again", State.TODO),
        ("SHOP-1", "Pay", State.DONE),
    ]
    assert (answer.count, answer.exact, answer.whole, answer.outside) == (2, True, True, 1)
    assert answer.first[0].url == f"{tracker.url}/browse/SHOP-2"
    nothing = ask(by(tracker), "labels = none", [ScopeRef("", "SHOP")])
    assert (nothing.count, nothing.whole, nothing.first) == (0, True, ())


def test_more_matches_than_a_page_are_counted(tracker: simulator.Jira) -> None:
    """Cloud's count is about right, Data Center's is exact."""
    shop = tracker.project("SHOP")
    for number in range(ASKED_FIRST + 2):
        shop.create_issue(f"Pay {number}", labels=["pay"])
    answer = ask(by(tracker), "labels = pay", [ScopeRef("", "SHOP")])
    assert (answer.count, len(answer.first), answer.whole) == (ASKED_FIRST + 2, ASKED_FIRST, False)
    assert answer.exact is tracker.data_center


def test_a_project_that_jira_hides_makes_the_answer_incomplete(tracker: simulator.Jira) -> None:
    """The others are asked about."""
    tracker.project("SHOP").create_issue("Pay", labels=["pay"])
    answer = ask(by(tracker), "labels = pay", [ScopeRef("", "SHOP"), ScopeRef("", "HIDDEN")])
    assert (answer.count, answer.incomplete_reason) == (1, "Jira does not show HIDDEN")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("project = SHOP AND nothing = 1", "Field 'nothing' does not exist"),
        ("project =", "Expecting a value"),
        ("(labels = pay", "1 of its parentheses are never closed"),
        ("ORDER BY key", "Unbounded JQL queries are not allowed here"),
    ],
)
def test_a_query_that_jira_refuses_is_rejected_in_its_words(tracker: simulator.Jira, query: str, says: str) -> None:
    """Also where we find the error before."""
    tracker.project("SHOP")
    with pytest.raises(Rejected, match=says):
        ask(by(tracker), query, [ScopeRef("", "SHOP")])


def expect_cloud(mock: responses.RequestsMock, *, parse: Any = None, search: Any = None, count: Any = None) -> None:
    """Prepare the answers of a Cloud site; what is not given finds nothing."""
    mock.assert_all_requests_are_fired = False
    queries = {"queries": [{"query": "labels = pay"}]}
    mock.post(f"{CLOUD}/jql/parse", **(parse or {"json": queries}))
    mock.post(f"{CLOUD}/search/jql", **(search or {"json": {"issues": [], "isLast": True}}))
    mock.post(f"{CLOUD}/search/approximate-count", **(count or {"json": {"count": 0}}))


def test_warnings_are_jiras_own(mock: responses.RequestsMock) -> None:
    """Cloud warns when it parses, Data Center when it searches."""
    warned = {"queries": [{"query": "labels = pay", "warnings": ["The value 'pay' is deprecated."]}]}
    expect_cloud(mock, parse={"json": warned})
    assert ask(BY_CLOUD).warnings == ("The value 'pay' is deprecated.",)
    found = {"issues": [ROW], "total": 1, "warningMessages": ["The value 'x' does not exist.", 7]}
    mock.post(f"{SERVER}/search", json=found)
    answer = ask(BY_SERVER)
    assert answer.warnings == ("The value 'x' does not exist.",)
    assert [(one.key, one.state) for one in answer.first] == [("SHOP-1", State.DONE)]


MORE = {"json": {"issues": [ROW], "nextPageToken": "t", "isLast": False}}


@pytest.mark.parametrize("count", [{"status": 403}, {"json": {"count": "many"}}, {"json": {}}])
def test_a_count_that_jira_does_not_give_is_unknown_and_not_zero(
    mock: responses.RequestsMock, count: dict[str, Any]
) -> None:
    """Credentials may search and not count."""
    expect_cloud(mock, search=MORE, count=count)
    answer = ask(BY_CLOUD)
    assert (answer.count, answer.whole, len(answer.first)) == (None, False, 1)


HTML = {"body": "<html>Sign in</html>", "content_type": "text/html"}
LIMITED = {"status": 429, "headers": {"Retry-After": "120"}}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HTML, Unavailable),
        ({"json": {"isLast": True}}, Unavailable),
        ({"json": {"issues": None}}, Unavailable),
        ({"json": []}, Unavailable),
        (LIMITED, Unavailable),
        ({"status": 503}, Unavailable),
        ({"body": requests.ReadTimeout()}, Unavailable),
        ({"body": requests.ConnectionError()}, Unavailable),
        ({"status": 401}, Refused),
        ({"status": 403}, Refused),
        ({"status": 410}, Refused),
        ({"status": 404}, Gone),
    ],
)
def test_no_bad_answer_looks_like_no_matches(
    mock: responses.RequestsMock, answer: dict[str, Any], error: type[Exception]
) -> None:
    """A search that says nothing about issues raises, on Cloud."""
    expect_cloud(mock, search=answer)
    with pytest.raises(error):
        ask(BY_CLOUD)


@pytest.mark.parametrize("body", [{}, {"issues": "none", "total": 0}])
def test_no_bad_answer_of_data_center_looks_like_no_matches(mock: responses.RequestsMock, body: dict[str, Any]) -> None:
    """The check is a search, too, and shows errors first."""
    mock.post(f"{SERVER}/search", json=body)
    with pytest.raises(Unavailable):
        ask(BY_SERVER)


def test_a_rate_limit_says_until_when(mock: responses.RequestsMock) -> None:
    """Callers wait that long."""
    expect_cloud(mock, parse=LIMITED)
    with pytest.raises(Unavailable) as caught:
        ask(BY_CLOUD)
    assert caught.value.retry_at is not None
    assert 100 < (caught.value.retry_at - datetime.now(UTC)).total_seconds() < 121


def test_an_answer_as_to_a_stranger_is_not_believed(mock: responses.RequestsMock) -> None:
    """An expired token finds nothing with 200: Jira must name our account."""
    nobody = {"X-AUSERNAME": "anonymous"}
    expect_cloud(mock, search={"json": {"issues": [], "isLast": True}, "headers": nobody})
    with pytest.raises(Refused, match="answers as to a stranger"):
        ask(BY_CLOUD)


def test_all_calls_together_have_one_time_limit(mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it no call is begun."""
    expect_cloud(mock)
    monkeypatch.setattr("connectors.jira.query.jql_queries.ASKING_SECONDS", 0.0)
    with pytest.raises(Unavailable, match=r"acme\.atlassian\.net does not answer in time"):
        ask(BY_CLOUD)
    assert not mock.calls
