"""Match queries and issues on Jira Cloud: few calls, and halves if a call is too large."""

import json
from typing import Any

import pytest
import responses

import simulator
from connectors.jira import Jira
from simulator import SteppedClock
from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.domain.trackers.connector import Refused, Unavailable
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.queries import Candidate
from tests.connectors.jira.fake_http import BY_CLOUD, BY_SERVER, CLOUD, by


def candidate(id_: str) -> Candidate:
    """Return an issue to match."""
    return Candidate(issue=Issue(identity=id_, key=f"SHOP-{id_}"), scope_names=frozenset())


def test_several_queries_and_issues_share_calls(clock: SteppedClock) -> None:
    """A query that Jira refuses has no result; the others do."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        shop = tracker.project("SHOP")
        shop.create_issues(120, lambda number: BulkIssue(summary="Pay", labels=("odd",) if number % 2 else ()))
        ids = sorted(tracker.issues, key=int)
        queries = ["labels = odd ORDER BY key", "nothing = 1", "project = SHOP", "labels = )"]
        result = Jira().match(by(tracker), queries=queries, candidates=[candidate(id_) for id_ in [*ids, "x"]])
        assert len(tracker.rest.calls) == 3
    assert [result[queries[0]][id_] for id_ in ids] == [True, False] * 60
    assert result[queries[1]] == result[queries[3]] == {}
    assert set(result[queries[2]].values()) == {True}


def test_data_center_is_not_called() -> None:
    """It has no match call."""
    assert Jira().match(BY_SERVER, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_call_that_is_too_large_is_split_in_halves(mock: responses.RequestsMock) -> None:
    """Jira does not document its limit."""
    sizes: list[tuple[int, int]] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        sizes.append((len(body["jqls"]), len(body["issueIds"])))
        if len(body["jqls"]) > 1 or len(body["issueIds"]) > 2 or 5 in body["issueIds"]:
            return 400, {}, "{}"
        return 200, {}, '{"matches": [{"matchedIssues": [1, 2], "errors": []}]}'

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    candidates = [candidate(str(number)) for number in range(1, 6)]
    result = Jira().match(BY_CLOUD, queries=["a = 1", "b = 1"], candidates=candidates)
    assert result == {name: {"1": True, "2": True, "3": False, "4": False} for name in ("a = 1", "b = 1")}
    assert sizes[0] == (2, 5)


def test_a_query_that_is_always_refused_costs_few_calls_and_hides_no_other(mock: responses.RequestsMock) -> None:
    """Its listing finds its members."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        if "bad = 1" in body["jqls"]:
            return 400, {}, "{}"
        matches = [{"matchedIssues": [1], "errors": []} for _ in body["jqls"]]
        return 200, {}, json.dumps({"matches": matches})

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    queries = ["bad = 1", *(f"a = {number}" for number in range(49))]
    result = Jira().match(BY_CLOUD, queries=queries, candidates=[candidate(str(number)) for number in range(1, 51)])
    assert result["bad = 1"] == {}
    assert all(len(result[query]) == 50 for query in queries[1:])
    assert len(mock.calls) < 40


def matching_body(request: Any) -> dict[str, list[Any]]:
    """Return the body of the call."""
    body: dict[str, list[Any]] = json.loads(request.body)
    return body


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "json": {"code": 401, "message": "Unauthorized; scope does not match"}},
        {"status": 403},
        {"status": 404},
        {"status": 410},
        {"json": {"matches": []}},
        {"json": {"matches": [{"errors": []}]}},
        {"json": {"matches": [{"matchedIssues": [7], "errors": ["no"]}]}},
    ],
)
def test_an_invalid_match_response_is_left_to_the_listing(mock: responses.RequestsMock, answer: Any) -> None:
    """The listing reports a lasting error."""
    mock.post(f"{CLOUD}/jql/match", **answer)
    assert Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_match_with_wrong_credentials_is_refused(mock: responses.RequestsMock) -> None:
    """So the connection shows it, and gets few calls."""
    mock.post(f"{CLOUD}/jql/match", status=401, body="Client must be authenticated to access this resource.")
    with pytest.raises(Refused):
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])


def test_a_rate_limited_match_waits(mock: responses.RequestsMock) -> None:
    """As for all reads."""
    mock.post(f"{CLOUD}/jql/match", status=429, headers={"RateLimit-Reason": "jira-burst-based", "Retry-After": "3"})
    with pytest.raises(Unavailable) as caught:
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])
    assert caught.value.bucket == "reading"
