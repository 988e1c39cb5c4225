"""GraphQL: its address, and the meaning of its responses, many of which have status 200."""

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


def query(site: str = GITHUB, token: str = "t", query: str = "{ viewer { login } }") -> Any:
    """Send a GraphQL query with a token."""
    http = HttpClient(now=lambda: START)
    connection = Connection(slug="gh", site=site, token=token)
    calls = GitHubClient(connection, Site(http, site), TokenCredentials(token), http.now)
    return calls.graphql(query, {"a": 1}, repository="acme/checkout")


@pytest.mark.parametrize("site", ADDRESSES)
def test_each_kind_of_site_has_its_own_url(site: str) -> None:
    """An Enterprise Server has it next to its REST API."""
    with responses.RequestsMock() as mock:
        mock.post(ADDRESSES[site], json={"data": {"viewer": None}})
        assert query(site) == {"viewer": None}
        sent = mock.calls[0].request
    assert sent.headers["Authorization"] == "Bearer t"
    assert sent.body == b'{"query": "{ viewer { login } }", "variables": {"a": 1}}'


def error_of(answer: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> ConnectorError:
    """Return the error that this response raises."""
    with responses.RequestsMock() as mock:
        mock.post(ADDRESSES[GITHUB], json=answer, status=status, headers=headers)
        with pytest.raises(ConnectorError) as caught:
            query()
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
def test_an_error_with_status_200_means_what_its_type_says(kind: str | None, means: type[ConnectorError]) -> None:
    """With GitHub's words."""
    found = error_of({"data": None, "errors": [{"type": kind, "message": "Could not resolve it."}]})
    assert type(found) is means
    assert "Could not resolve it." in str(found)


@pytest.mark.parametrize("kind", ["RATE_LIMIT", "RATE_LIMITED"])
def test_a_used_up_limit_blocks_until_its_reset(kind: str) -> None:
    """By GitHub's clock. The limit holds for GraphQL alone."""
    reset = str(int((START + timedelta(minutes=20)).timestamp()))
    limit_headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    answer = {"errors": [{"type": kind, "message": "API rate limit already exceeded for user ID 7."}]}
    found = error_of(answer, headers=limit_headers)
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.bucket, found.guessed) == (START + timedelta(minutes=20), "token/graphql", False)
    found = error_of(answer)
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (START + timedelta(minutes=1), True)


def test_a_secondary_limit_may_come_with_200_or_403() -> None:
    """It holds for all calls of the token."""
    body = {"message": "You have exceeded a secondary rate limit."}
    for found in (error_of({"errors": [body]}), error_of(body, status=403)):
        assert isinstance(found, Unavailable)
        assert (found.retry_at, found.bucket, found.guessed) == (START + timedelta(minutes=1), "token", True)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": []}, {"errors": {}}])
def test_an_answer_without_data_is_rejected(answer: Any) -> None:
    """It has nothing to read."""
    assert isinstance(error_of(answer), Rejected)


def test_the_simulator_s_rate_limit_response_is_understood() -> None:
    """The simulator answers like GitHub."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub:
        hub.limits.switch_on(Rules(graphql=1))
        assert query(hub.url, hub.token)["viewer"]["login"] == "anaruiz"
        with pytest.raises(Unavailable) as caught:
            query(hub.url, hub.token)
    assert (caught.value.retry_at, caught.value.bucket) == (START + timedelta(hours=1), "token/graphql")
