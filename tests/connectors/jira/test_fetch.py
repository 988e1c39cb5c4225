"""Looking at Jira: one issue by its id, on Cloud and on Data Center."""

import base64
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.jira import Jira
from sync_service.domain.trackers.connector import Connection, Gone, Rejected, Unavailable
from sync_service.domain.trackers.observations import Ignored, Number, Parent, Snapshot, Term
from tests.connectors.jira.payloads import (
    FIELDS,
    FLOAT,
    SITE,
    STORY_POINTS,
    Json,
    connection,
    delivery,
    done,
    field,
    issue,
)

CLOUD = f"{SITE}/rest/api/3/issue/20012"
SERVER = f"{SITE}/rest/api/2/issue/20012"


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Stand in for Jira; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def show_fields(jira: responses.RequestsMock, *fields: Json, version: int = 2) -> None:
    """Let the site show its fields, once."""
    jira.get(f"{SITE}/rest/api/{version}/field", json=list(fields or FIELDS))


def fetch_issue(by: Connection, identity: str = "20012") -> Snapshot:
    """Look at the one issue of these tests."""
    return Jira().fetch_issue(by, identity=identity, key="SHOP-12")


def asked_for(jira: responses.RequestsMock) -> set[str]:
    """Give the fields that the last call asked for."""
    query = parse_qs(urlsplit(str(jira.calls[-1].request.url)).query)
    return set(query["fields"][0].split(","))


def test_a_look_says_the_same_as_a_letter(jira: responses.RequestsMock) -> None:
    """Same issue, same snapshot, so that neither seems to change the other."""
    show_fields(jira, version=3)
    jira.get(CLOUD, json=done("Declined"))
    by, connector = connection("token", email="ana@example.com"), Jira()
    seen = connector.fetch_issue(by, identity="20012", key="SHOP-12")
    assert connector.parse_delivery(delivery("jira:issue_updated", issue=done("Declined")), by).observations == (seen,)


def test_on_cloud_an_email_address_goes_with_the_token(jira: responses.RequestsMock) -> None:
    """Basic authentication, REST v3, and only the fields we read."""
    show_fields(jira, version=3)
    jira.get(CLOUD, json=issue())
    fetch_issue(connection("token", email="ana@example.com"))
    for call in jira.calls:
        assert call.request.headers["Authorization"] == "Basic " + base64.b64encode(b"ana@example.com:token").decode()
    found = {"customfield_10014", "customfield_10016", "customfield_10018", "customfield_10020", "customfield_10026"}
    assert found | {"summary", "status", "components", "fixVersions", "parent"} <= asked_for(jira)


def test_on_data_center_the_token_goes_alone(jira: responses.RequestsMock) -> None:
    """A personal access token as bearer, REST v2."""
    show_fields(jira)
    jira.get(SERVER, json=issue())
    fetch_issue(connection("token"))
    assert jira.calls[0].request.headers["Authorization"] == "Bearer token"


def test_a_moved_issue_is_found_under_its_new_key(jira: responses.RequestsMock) -> None:
    """The id stays."""
    show_fields(jira)
    jira.get(SERVER, json=issue(key="PAY-3"))
    assert fetch_issue(connection("token")).key == "PAY-3"


def test_a_points_field_set_by_id_is_asked_for(jira: responses.RequestsMock) -> None:
    """The field joins the list."""
    show_fields(jira)
    jira.get(SERVER, json=issue(customfield_10016=3))
    assert fetch_issue(connection("token", points_field="customfield_10016")).points == 3.0
    assert "customfield_10016" in asked_for(jira)
    assert "customfield_10026" not in asked_for(jira)


def test_a_points_field_set_by_name_is_found_among_the_site_s_fields(jira: responses.RequestsMock) -> None:
    """Only numeric ones can be meant; case and space do not matter."""
    show_fields(jira, field(10050, " story size", FLOAT), field(10051, "Story Size", "x:textfield", kind="string"))
    jira.get(SERVER, json=issue(customfield_10050=8, customfield_10051="13"))
    assert fetch_issue(connection("token", points_field="Story Size")).points == 8.0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((5, None), (5, True)),
        ((None, 8), (8, True)),
        ((3, 3), (3, True)),
        ((None, None), (None, True)),
        ((5, 8), (None, False)),
    ],
)
def test_points_come_from_either_of_jira_s_own_fields(
    jira: responses.RequestsMock, values: tuple[float | None, float | None], told: tuple[float | None, bool]
) -> None:
    """Team-managed and company-managed projects have different ones; where both say otherwise, neither is believed."""
    show_fields(jira)
    jira.get(SERVER, json=issue(customfield_10016=values[0], customfield_10026=values[1]))
    seen = fetch_issue(connection("token"))
    assert (seen.points, seen.points_known) == told


def test_of_several_fields_of_one_name_none_is_believed(jira: responses.RequestsMock) -> None:
    """People have to say which one they mean; each may hold something."""
    show_fields(jira, STORY_POINTS, field(10099, "Story Points", FLOAT))
    jira.get(SERVER, json=issue(customfield_10026=3, customfield_10099=None))
    by, connector = connection("token", points_field="Story Points"), Jira()
    assert not connector.fetch_issue(by, identity="20012", key="SHOP-12").points_known
    seen, unclear = connector.parse_delivery(delivery("jira:issue_updated", issue=issue(), items=[]), by).observations
    assert isinstance(seen, Snapshot)
    assert unclear == Ignored(
        "several fields are called Story Points: set points_field to the id of one,"
        " customfield_10026 or customfield_10099"
    )


def test_a_field_that_another_project_alone_has_is_no_second_one(jira: responses.RequestsMock) -> None:
    """Each team-managed project may make a field of the same name."""
    ours, theirs = field(10071, "Size", FLOAT, project="10000"), field(10072, "Size", FLOAT, project="10001")
    show_fields(jira, ours, theirs)
    jira.get(SERVER, json=issue(customfield_10071=2))
    seen = fetch_issue(connection("token", points_field="Size", number_fields=["size"]))
    assert (seen.points, seen.numbers) == (2.0, (Number("size", 2.0),))


def test_a_site_is_not_asked_for_its_fields_again(jira: responses.RequestsMock) -> None:
    """Once an hour is enough; letters are read by them meanwhile."""
    show_fields(jira)
    jira.get(SERVER, json=issue())
    connector, by = Jira(), connection("token")
    for _ in range(2):
        connector.fetch_issue(by, identity="20012", key="SHOP-12")
    assert [str(call.request.url).rpartition("/")[2].partition("?")[0] for call in jira.calls] == [
        "field", "20012", "20012",
    ]  # fmt: skip
    sprint = issue(customfield_10020=[{"id": 8, "name": "Sprint 8"}])
    (seen,) = connector.parse_delivery(delivery("jira:issue_updated", issue=sprint), by).observations
    assert isinstance(seen, Snapshot)
    assert seen.sprints == (Term("8", "Sprint 8"),)


def test_a_look_that_may_not_see_the_fields_goes_on_without(jira: responses.RequestsMock) -> None:
    """What every issue has is enough for most."""
    jira.get(f"{SITE}/rest/api/2/field", status=403, json={"errorMessages": ["no"]})
    jira.get(SERVER, json=issue(components=[]))
    seen = fetch_issue(connection("token", points_field="customfield_10016"))
    assert (seen.points, seen.components, seen.sprints, seen.parent) == (5.0, (), None, None)


def test_a_look_waits_where_the_fields_can_t_be_told_now(jira: responses.RequestsMock) -> None:
    """To go on would be to read less than there is."""
    jira.get(f"{SITE}/rest/api/2/field", status=503)
    with pytest.raises(Unavailable):
        fetch_issue(connection("token"))


def test_an_issue_looked_at_without_a_parent_has_none(jira: responses.RequestsMock) -> None:
    """Everything that could tell one was asked for; on Data Center, the epic is told by its link alone."""
    for body, parent in (
        (issue(without=("customfield_10014",)), Parent(None)),
        (issue(customfield_10014="SHOP-1"), Parent("SHOP-1")),
        (issue(parent={"id": "20001", "key": "SHOP-1"}), Parent("SHOP-1", "20001")),
    ):
        show_fields(jira)
        jira.get(SERVER, json=body)
        assert fetch_issue(connection("token")).parent == parent


def test_a_missing_issue_may_only_be_hidden(jira: responses.RequestsMock) -> None:
    """Jira gives 404 for both, so it proves nothing."""
    show_fields(jira)
    jira.get(SERVER, status=404, json={"errorMessages": ["Issue does not exist"]})
    with pytest.raises(Gone) as caught:
        fetch_issue(connection("token"))
    assert not caught.value.proven


def test_another_issue_is_not_taken_for_ours(jira: responses.RequestsMock) -> None:
    """The answer must be about the id asked for."""
    show_fields(jira)
    jira.get(SERVER, json={**issue(), "id": "20013"})
    with pytest.raises(Gone, match="another issue"):
        fetch_issue(connection("token"))


def test_an_answer_that_tells_too_little_is_rejected(jira: responses.RequestsMock) -> None:
    """There is nothing better to look at."""
    show_fields(jira)
    jira.get(SERVER, json=issue(without=("updated",)))
    with pytest.raises(Rejected, match="is incomplete"):
        fetch_issue(connection("token"))


@pytest.mark.parametrize("identity", ["", "SHOP-12", "1/../2", "٣"])
def test_a_strange_identity_is_never_put_into_an_address(identity: str) -> None:
    """No call goes out for it."""
    with pytest.raises(Rejected, match="not the id"):
        fetch_issue(connection("token"), identity)
