"""Jira's answer to a stranger is not believed: who we are is proven first."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from connectors.jira.api.identity import Stranger
from connectors.jira.connector import Jira
from simulator import Jira as SimulatedJira
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Connection, ConnectorError, Gone, Refused, Unavailable
from sync_service.domain.trackers.observations import ScopeRef

SITE = "https://acme.atlassian.net"
API = f"{SITE}/rest/api/3"
CLOUD = Connection(slug="jira", site=SITE, options={"email": "bot@example.com"}, token="t")


@pytest.fixture(autouse=True)
def _named_account() -> None:
    """Let mocked responses bear no more than the headers that the test gives them."""


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """Yield the mocked site; it shows its fields, and finds no issue."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{API}/field", json=[], headers={"X-AACCOUNTID": "me"})
        yield mock


def fetch(connector: Jira | None = None) -> None:
    """Fetch an issue."""
    (connector or Jira()).fetch_issue(CLOUD, identity="20012", key="SHOP-12")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"},
        {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED", "X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"},
        {"X-AUSERNAME": "anonymous"},
    ],
)
def test_a_header_that_says_so_is_enough(answers: responses.RequestsMock, headers: dict[str, str]) -> None:
    """No second call is made."""
    answers.get(f"{API}/issue/20012", status=404, headers=headers)
    with pytest.raises(Stranger, match="as to a stranger"):
        fetch()
    assert [call.request.url for call in answers.calls if "/myself" in str(call.request.url)] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-AACCOUNTID": "me"},
        {"X-AUSERNAME": "bot"},
        {"X-Seraph-LoginReason": "OK"},
        {"X-Seraph-LoginReason": "OUT, OK"},
    ],
)
def test_a_header_that_names_the_account_is_proof(answers: responses.RequestsMock, headers: dict[str, str]) -> None:
    """Then 404 says that the issue is hidden or deleted."""
    answers.get(f"{API}/issue/20012", status=404, headers=headers)
    with pytest.raises(Gone):
        fetch()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"json": {"accountId": "me"}}, Gone),
        ({"status": 401}, Stranger),
        ({"status": 403}, Stranger),
        ({"status": 404}, Stranger),
        ({"status": 401, "json": {"message": "Unauthorized; scope does not match"}}, Gone),
        ({"status": 503}, Unavailable),
        ({"status": 429}, Unavailable),
    ],
)
def test_without_such_a_header_jira_is_asked_afterwards(
    answers: responses.RequestsMock, answer: dict[str, Any], error: type[ConnectorError]
) -> None:
    """A token that may not ask who it is has been accepted all the same."""
    answers.get(f"{API}/issue/20012", status=404)
    answers.get(f"{API}/myself", **answer)
    with pytest.raises(error) as caught:
        fetch()
    assert isinstance(caught.value, Refused) is (error is Stranger)


def expired(simulated: SimulatedJira) -> tuple[Jira, Connection]:
    """Return a connector and a connection whose token has expired."""
    simulated.token_expired = True
    return Jira(), Connection(
        slug="jira", site=simulated.url, options={"email": simulated.email}, token=simulated.token
    )


@pytest.mark.parametrize("says_so", [True, False])
def test_no_call_with_an_expired_token_finds_less_than_there_is(*, says_so: bool) -> None:
    """Each is refused, whether a header says why or not."""
    with SimulatedJira(background=False) as simulated:
        project = simulated.project("SHOP")
        issue = project.create_issue("Pay", points=8)
        simulated.names_callers = says_so
        connector, connection = expired(simulated)
        scope = ScopeRef(project.id, "SHOP")
        calls: tuple[Callable[[], object], ...] = (
            lambda: connector.fetch_issue(connection, identity=issue.id, key=issue.key),
            lambda: connector.fetch_issues(connection, wanted={issue.id: issue.key}),
            lambda: connector.list_changes(
                connection, asked=ChangesRequest(name="SHOP", id=None, since=None), cursor=None
            ),
            lambda: connector.list_members(connection, query="project = SHOP", scopes=[scope], cursor=None),
        )
        for call in calls:
            with pytest.raises(Stranger):
                call()
        findings = connector.check_connection(connection, scopes=["SHOP"], hooked=False)
        assert not any(finding.well for finding in findings)


@pytest.mark.parametrize("connection", [CLOUD, Connection(slug="dc", site=SITE, token="t")])
def test_the_projects_that_a_stranger_may_browse_are_not_offered(
    answers: responses.RequestsMock, connection: Connection
) -> None:
    """An empty list would say that the account sees no project, a list of public ones that it sees no others."""
    answers.get(f"{API}/project/search", json={"values": [], "isLast": True})
    answers.get(f"{SITE}/rest/api/2/project", json=[])
    for version in (2, 3):
        answers.get(f"{SITE}/rest/api/{version}/myself", status=401)
    with pytest.raises(Stranger, match="401 when asked who we are"):
        Jira().list_scopes(connection, most=5)
