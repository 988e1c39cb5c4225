"""Asking GitHub about a search before a rule has it: count, newest matches, and every answer that is not "none"."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from connectors.github import GitHub
from sync_service.domain.trackers.connector import ConnectorError, Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef, State
from sync_service.domain.trackers.queries import ASKED_FIRST, AnswersQueries, QueryAnswer
from tests.connectors.github.payloads import CONNECTION
from tests.connectors.github.test_search import SCOPES, SEARCH, answer, found, params_of

QUERY = "repo:acme/checkout is:issue label:pay"


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def ask(query: str = QUERY, scopes: list[ScopeRef] | None = None) -> QueryAnswer:
    """Ask about a search."""
    hub = GitHub()
    assert isinstance(hub, AnswersQueries)
    return hub.ask_query(CONNECTION, query=query, scopes=SCOPES if scopes is None else scopes)


def test_all_matches_are_counted_and_the_newest_shown(github: responses.RequestsMock) -> None:
    """Those in repositories that are not watched are only counted."""
    closed = {**found(12, "2026-10-02T00:00:00Z"), "state": "closed", "state_reason": "not_planned"}
    github.get(SEARCH, json=answer(closed, found(1, "2026-10-01T00:00:00Z", "acme/attic")))
    seen = ask()
    (one,) = seen.first
    assert (one.identity, one.key, one.state) == ("8001#12", "acme/checkout#12", State.DROPPED)
    assert one.url.startswith("https://")
    assert (seen.count, seen.exact, seen.whole, seen.outside) == (1, True, True, 1)
    assert params_of(github) == {
        "q": QUERY,
        "sort": "created",
        "order": "desc",
        "per_page": str(ASKED_FIRST),
        "page": "1",
        "advanced_search": "true",
    }


def test_no_matches_are_none(github: responses.RequestsMock) -> None:
    """GitHub says so itself."""
    github.get(SEARCH, json=answer())
    seen = ask()
    assert (seen.count, seen.exact, seen.whole, seen.first) == (0, True, True, ())


def test_more_matches_than_a_page_are_counted_by_github(github: responses.RequestsMock) -> None:
    """Its count may have repositories that are not watched."""
    github.get(SEARCH, json=answer(found(12, "2026-10-02T00:00:00Z"), total=812))
    seen = ask()
    assert (seen.count, seen.exact, seen.whole) == (812, False, False)


@pytest.mark.parametrize("flag", [True, None])
def test_a_search_that_github_did_not_finish_is_incomplete(github: responses.RequestsMock, *, flag: object) -> None:
    """Even when it finds nothing."""
    github.get(SEARCH, json={**answer(), "incomplete_results": flag})
    seen = ask()
    assert (seen.whole, seen.incomplete_reason) == (False, "GitHub did not search everything in time")


def test_a_refused_search_is_rejected_in_githubs_words(github: responses.RequestsMock) -> None:
    """`Validation Failed` alone would help nobody."""
    words = "The listed users and repositories cannot be searched"
    github.get(SEARCH, status=422, json={"message": "Validation Failed", "errors": [{"message": words}, "odd", {}]})
    with pytest.raises(Rejected, match=f"Validation Failed: {words}"):
        ask()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("label:pay is:issue", "repo"),
        ("repo:acme/attic is:issue", "reaches no repository that the connection watches"),
        ("repo:acme/checkout is:issue created:>yesterday", "yesterday"),
    ],
)
def test_a_search_that_no_rule_can_have_is_rejected_without_a_call(query: str, says: str) -> None:
    """The parser says what is wrong."""
    with pytest.raises(Rejected, match=says):
        ask(query)


@pytest.mark.parametrize(
    ("prepared", "error"),
    [
        ({"body": "<html>Sign in</html>", "content_type": "text/html"}, Unavailable),
        ({"json": {"incomplete_results": False, "items": []}}, Unavailable),
        ({"json": {"total_count": 0, "incomplete_results": False}}, Unavailable),
        ({"json": {"total_count": "0", "items": []}}, Unavailable),
        ({"json": []}, Unavailable),
        ({"status": 429, "headers": {"Retry-After": "60"}}, Unavailable),
        ({"status": 403, "headers": {"Retry-After": "60"}}, Unavailable),
        ({"status": 502}, Unavailable),
        ({"body": requests.ReadTimeout()}, Unavailable),
        ({"body": requests.ConnectionError()}, Unavailable),
        ({"status": 401, "json": {"message": "Bad credentials"}}, Refused),
        ({"status": 403, "json": {"message": "Resource protected by organization SAML enforcement"}}, Gone),
        ({"status": 404}, Gone),
    ],
)
def test_no_bad_answer_looks_like_no_matches(
    github: responses.RequestsMock, prepared: dict[str, Any], error: type[ConnectorError]
) -> None:
    """An answer that says nothing about issues raises."""
    github.get(SEARCH, **prepared)
    with pytest.raises(error):
        ask()


def test_a_rate_limit_says_until_when(github: responses.RequestsMock) -> None:
    """It blocks searches alone."""
    reset = str(int(datetime.now(UTC).timestamp()) + 40)
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "search", "X-RateLimit-Reset": reset}
    github.get(SEARCH, status=403, headers=limit)
    with pytest.raises(Unavailable) as caught:
        ask()
    assert (caught.value.bucket, caught.value.retry_at is not None) == ("token/search", True)


def test_all_calls_together_have_one_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it no call is begun."""
    monkeypatch.setattr("connectors.github.query.github_queries.ASKING_SECONDS", 0.0)
    with pytest.raises(Unavailable, match=r"api\.github\.com does not answer in time"):
        ask()
