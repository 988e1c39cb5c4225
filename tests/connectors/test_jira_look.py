"""Looking at Jira: one issue by its id, on Cloud and on Data Center."""

import base64
from collections.abc import Iterator

import pytest
import responses
from responses import matchers

from connectors.jira import Jira
from sync_service.domain.connectors import Connection, Gone, Rejected
from sync_service.domain.issues import Snapshot
from tests.connectors.jira_letters import SITE, connection, done, issue, letter

CLOUD = f"{SITE}/rest/api/3/issue/20012"
SERVER = f"{SITE}/rest/api/2/issue/20012"


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Stand in for Jira; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def look(by: Connection, identity: str = "20012") -> Snapshot:
    """Look at the one issue of these tests."""
    return Jira().look(by, identity=identity, key="SHOP-12")


def test_a_look_says_the_same_as_a_letter(jira: responses.RequestsMock) -> None:
    """Same issue, same snapshot, so that neither seems to change the other."""
    jira.get(CLOUD, json=done("Declined"))
    by = connection("token", email="ana@example.com")
    (seen,) = Jira().read(letter("jira:issue_updated", issue=done("Declined")), by).observations
    assert look(by) == seen


def test_on_cloud_an_email_address_goes_with_the_token(jira: responses.RequestsMock) -> None:
    """Basic authentication, REST v3, and only the fields we read."""
    jira.get(CLOUD, json=issue())
    look(connection("token", email="ana@example.com"))
    request = jira.calls[0].request
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"ana@example.com:token").decode()
    assert "summary%2Cstatus" in str(request.url)


def test_on_data_center_the_token_goes_alone(jira: responses.RequestsMock) -> None:
    """A personal access token as bearer, REST v2."""
    jira.get(SERVER, json=issue())
    look(connection("token"))
    assert jira.calls[0].request.headers["Authorization"] == "Bearer token"


def test_a_moved_issue_is_found_under_its_new_key(jira: responses.RequestsMock) -> None:
    """The id stays."""
    jira.get(SERVER, json=issue(key="PAY-3"))
    assert look(connection("token")).key == "PAY-3"


def test_a_points_field_set_by_id_is_asked_for(jira: responses.RequestsMock) -> None:
    """The field joins the list."""
    jira.get(SERVER, json=issue(customfield_10016=3))
    assert look(connection("token", points_field="customfield_10016")).points == 3.0
    assert "customfield_10016" in str(jira.calls[0].request.url)


def test_a_points_field_set_by_name_is_found_by_the_names_in_the_answer(jira: responses.RequestsMock) -> None:
    """Of two fields of one name, the one with a value counts."""
    names = {"customfield_10016": "Story Points", "customfield_10026": "story points ", "summary": "Summary"}
    asked = matchers.query_param_matcher({"fields": "*all", "expand": "names"})
    jira.get(SERVER, json={**issue(customfield_10016=None, customfield_10026=8), "names": names}, match=[asked])
    assert look(connection("token", points_field="Story Points")).points == 8.0


def test_a_missing_issue_may_only_be_hidden(jira: responses.RequestsMock) -> None:
    """Jira gives 404 for both, so it proves nothing."""
    jira.get(SERVER, status=404, json={"errorMessages": ["Issue does not exist"]})
    with pytest.raises(Gone) as caught:
        look(connection("token"))
    assert not caught.value.proven


def test_another_issue_is_not_taken_for_ours(jira: responses.RequestsMock) -> None:
    """The answer must be about the id asked for."""
    jira.get(SERVER, json={**issue(), "id": "20013"})
    with pytest.raises(Gone, match="another issue"):
        look(connection("token"))


def test_an_answer_that_tells_too_little_is_rejected(jira: responses.RequestsMock) -> None:
    """There is nothing better to look at."""
    jira.get(SERVER, json=issue(without=("updated",)))
    with pytest.raises(Rejected, match="is not whole"):
        look(connection("token"))


@pytest.mark.parametrize("identity", ["", "SHOP-12", "1/../2", "٣"])
def test_a_strange_identity_is_never_put_into_an_address(identity: str) -> None:
    """No call goes out for it."""
    with pytest.raises(Rejected, match="not the id"):
        look(connection("token"), identity)
