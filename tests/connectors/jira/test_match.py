"""Jira Cloud is asked which queries find which issues, with few calls and by halves where one is too large."""

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
    """Give an issue to be asked about."""
    return Candidate(issue=Issue(identity=id_, key=f"SHOP-{id_}"), scope_names=frozenset())


def test_several_queries_and_issues_share_calls(clock: SteppedClock) -> None:
    """A query that Jira refuses says nothing, and the others do."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        shop = tracker.project("SHOP")
        shop.create_issues(120, lambda number: BulkIssue(summary="Pay", labels=("odd",) if number % 2 else ()))
        ids = sorted(tracker.issues, key=int)
        queries = ["labels = odd ORDER BY key", "nothing = 1", "project = SHOP", "labels = )"]
        said = Jira().match(by(tracker), queries=queries, candidates=[candidate(id_) for id_ in [*ids, "x"]])
        assert len(tracker.rest.calls) == 3
    assert [said[queries[0]][id_] for id_ in ids] == [True, False] * 60
    assert said[queries[1]] == said[queries[3]] == {}
    assert set(said[queries[2]].values()) == {True}


def test_data_center_is_not_asked() -> None:
    """It can't tell."""
    assert Jira().match(BY_SERVER, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_call_that_is_too_large_is_made_by_halves(mock: responses.RequestsMock) -> None:
    """Jira does not say how much it takes."""
    asked: list[tuple[int, int]] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        asked.append((len(body["jqls"]), len(body["issueIds"])))
        if len(body["jqls"]) > 1 or len(body["issueIds"]) > 2 or 5 in body["issueIds"]:
            return 400, {}, "{}"
        return 200, {}, '{"matches": [{"matchedIssues": [1, 2], "errors": []}]}'

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    candidates = [candidate(str(number)) for number in range(1, 6)]
    said = Jira().match(BY_CLOUD, queries=["a = 1", "b = 1"], candidates=candidates)
    assert said == {name: {"1": True, "2": True, "3": False, "4": False} for name in ("a = 1", "b = 1")}
    assert asked[0] == (2, 5)


def test_a_query_that_is_never_taken_costs_few_calls_and_hides_no_other(mock: responses.RequestsMock) -> None:
    """The rest of it is left to its listing."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        if "bad = 1" in body["jqls"]:
            return 400, {}, "{}"
        matches = [{"matchedIssues": [1], "errors": []} for _ in body["jqls"]]
        return 200, {}, json.dumps({"matches": matches})

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    queries = ["bad = 1", *(f"a = {number}" for number in range(49))]
    said = Jira().match(BY_CLOUD, queries=queries, candidates=[candidate(str(number)) for number in range(1, 51)])
    assert said["bad = 1"] == {}
    assert all(len(said[query]) == 50 for query in queries[1:])
    assert len(mock.calls) < 40


def matching_body(request: Any) -> dict[str, list[Any]]:
    """Read what was asked."""
    body: dict[str, list[Any]] = json.loads(request.body)
    return body


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "json": {"code": 401, "message": "Unauthorized; scope does not match"}},
        {"status": 403},
        {"status": 404},
        {"status": 410},
        {"body": "<html>"},
        {"json": {"matches": []}},
        {"json": {"matches": [{"errors": []}]}},
        {"json": {"matches": [{"matchedIssues": [7], "errors": ["no"]}]}},
    ],
)
def test_a_match_that_is_no_answer_leaves_it_to_the_listing(mock: responses.RequestsMock, answer: Any) -> None:
    """Which says what is wrong, if it is more."""
    mock.post(f"{CLOUD}/jql/match", **answer)
    assert Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_match_with_bad_credentials_is_refused(mock: responses.RequestsMock) -> None:
    """So that the connection says so, and is asked little."""
    mock.post(f"{CLOUD}/jql/match", status=401, body="Client must be authenticated to access this resource.")
    with pytest.raises(Refused):
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])


def test_a_match_that_must_wait_waits(mock: responses.RequestsMock) -> None:
    """As all reading does."""
    mock.post(f"{CLOUD}/jql/match", status=429, headers={"RateLimit-Reason": "jira-burst-based", "Retry-After": "3"})
    with pytest.raises(Unavailable) as caught:
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])
    assert caught.value.bucket == "reading"
