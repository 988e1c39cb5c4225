"""GitHub's GraphQL: where it is, and what its answers mean, of which many come with the status 200."""

from datetime import timedelta
from typing import Any

import pytest
import responses

from connectors.github.api.client import GitHubClient
from connectors.github.api.credentials import TokenCredentials
from connectors.github.api.site import Site
from connectors.http import HttpClient
from simulator import GitHub, SteppedClock
from simulator.github import Rules
from sync_service.domain.trackers.connector import Connection, ConnectorError, Gone, Rejected, Unavailable
from tests.connectors.github.app_fixture import START

ADDRESSES = {
    "https://api.github.com": "https://api.github.com/graphql",
    "https://api.acme.ghe.com": "https://api.acme.ghe.com/graphql",
    "https://github.acme.example/api/v3": "https://github.acme.example/api/graphql",
    "https://github.acme.example/api/v3/": "https://github.acme.example/api/graphql",
}
GITHUB = "https://api.github.com"


def ask(site: str = GITHUB, token: str = "t", query: str = "{ viewer { login } }") -> Any:
    """Ask by GraphQL with a token."""
    http = HttpClient(now=lambda: START)
    connection = Connection(slug="gh", site=site, token=token)
    calls = GitHubClient(connection, Site(http, site), TokenCredentials(token), http.now)
    return calls.graphql(query, {"a": 1}, repository="acme/checkout")


@pytest.mark.parametrize("site", ADDRESSES)
def test_each_kind_of_site_has_its_own_address(site: str) -> None:
    """An Enterprise Server has it beside its REST API."""
    with responses.RequestsMock() as mock:
        mock.post(ADDRESSES[site], json={"data": {"viewer": None}})
        assert ask(site) == {"viewer": None}
        sent = mock.calls[0].request
    assert sent.headers["Authorization"] == "Bearer t"
    assert sent.body == b'{"query": "{ viewer { login } }", "variables": {"a": 1}}'


def error_of(answer: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> ConnectorError:
    """Give the error that such an answer raises."""
    with responses.RequestsMock() as mock:
        mock.post(ADDRESSES[GITHUB], json=answer, status=status, headers=headers)
        with pytest.raises(ConnectorError) as caught:
            ask()
    return caught.value


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("NOT_FOUND", Gone),
        ("FORBIDDEN", Gone),
        ("INSUFFICIENT_SCOPES", Gone),
        ("SOMETHING", Rejected),
        (None, Rejected),
    ],
)
def test_an_error_with_the_status_200_means_what_its_type_says(kind: str | None, means: type[ConnectorError]) -> None:
    """In GitHub's words."""
    found = error_of({"data": None, "errors": [{"type": kind, "message": "Could not resolve it."}]})
    assert type(found) is means
    assert "Could not resolve it." in str(found)


@pytest.mark.parametrize("kind", ["RATE_LIMIT", "RATE_LIMITED"])
def test_a_used_up_limit_is_waited_for_until_its_reset(kind: str) -> None:
    """By GitHub's clock; the limit is that of GraphQL alone."""
    reset = str(int((START + timedelta(minutes=20)).timestamp()))
    told = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    answer = {"errors": [{"type": kind, "message": "API rate limit already exceeded for user ID 7."}]}
    found = error_of(answer, headers=told)
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.bucket, found.guessed) == (START + timedelta(minutes=20), "token/graphql", False)
    found = error_of(answer)
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (START + timedelta(minutes=1), True)


def test_a_secondary_limit_may_come_with_200_or_403() -> None:
    """It holds for all that the token asks."""
    said = {"message": "You have exceeded a secondary rate limit."}
    for found in (error_of({"errors": [said]}), error_of(said, status=403)):
        assert isinstance(found, Unavailable)
        assert (found.retry_at, found.bucket, found.guessed) == (START + timedelta(minutes=1), "token", True)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": []}, {"errors": {}}])
def test_an_answer_without_data_is_rejected(answer: Any) -> None:
    """There is nothing in it to read."""
    assert isinstance(error_of(answer), Rejected)


def test_the_simulated_github_s_limit_is_understood() -> None:
    """As it answers it."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub:
        hub.limits.switch_on(Rules(graphql=1))
        assert ask(hub.url, hub.token)["viewer"]["login"] == "anaruiz"
        with pytest.raises(Unavailable) as caught:
            ask(hub.url, hub.token)
    assert (caught.value.retry_at, caught.value.bucket) == (START + timedelta(hours=1), "token/graphql")
