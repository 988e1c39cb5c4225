"""Fetch one issue from Jira by its id, on Cloud and on Data Center."""

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
    """Yield a stub of Jira; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def show_fields(jira: responses.RequestsMock, *fields: Json, version: int = 2) -> None:
    """Make the site show its fields, once."""
    jira.get(f"{SITE}/rest/api/{version}/field", json=list(fields or FIELDS))


def fetch_issue(by: Connection, identity: str = "20012") -> Snapshot:
    """Fetch the issue of these tests."""
    return Jira().fetch_issue(by, identity=identity, key="SHOP-12")


def requested_fields(jira: responses.RequestsMock) -> set[str]:
    """Return the fields that the last call requested."""
    query = parse_qs(urlsplit(str(jira.calls[-1].request.url)).query)
    return set(query["fields"][0].split(","))


def test_a_fetch_gives_the_same_as_a_delivery(jira: responses.RequestsMock) -> None:
    """The same issue gives the same snapshot, so neither looks like a change of the other."""
    show_fields(jira, version=3)
    jira.get(CLOUD, json=done("Declined"))
    by, connector = connection("token", email="ana@example.com"), Jira()
    seen = connector.fetch_issue(by, identity="20012", key="SHOP-12")
    assert connector.parse_delivery(delivery("jira:issue_updated", issue=done("Declined")), by).observations == (seen,)


def test_on_cloud_an_email_address_is_sent_with_the_token(jira: responses.RequestsMock) -> None:
    """Basic authentication, REST v3, and only the fields we read."""
    show_fields(jira, version=3)
    jira.get(CLOUD, json=issue())
    fetch_issue(connection("token", email="ana@example.com"))
    for call in jira.calls:
        assert call.request.headers["Authorization"] == "Basic " + base64.b64encode(b"ana@example.com:token").decode()
    found = {"customfield_10014", "customfield_10016", "customfield_10018", "customfield_10020", "customfield_10026"}
    assert found | {"summary", "status", "components", "fixVersions", "parent"} <= requested_fields(jira)


def test_on_data_center_only_the_token_is_sent(jira: responses.RequestsMock) -> None:
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


def test_a_points_field_set_by_id_is_requested(jira: responses.RequestsMock) -> None:
    """It is added to the list of fields."""
    show_fields(jira)
    jira.get(SERVER, json=issue(customfield_10016=3))
    assert fetch_issue(connection("token", points_field="customfield_10016")).points == 3.0
    assert "customfield_10016" in requested_fields(jira)
    assert "customfield_10026" not in requested_fields(jira)


def test_a_points_field_set_by_name_is_found_in_the_field_catalogue(jira: responses.RequestsMock) -> None:
    """Only numeric fields count; case and spaces do not matter."""
    show_fields(jira, field(10050, " story size", FLOAT), field(10051, "Story Size", "x:textfield", kind="string"))
    jira.get(SERVER, json=issue(customfield_10050=8, customfield_10051="13"))
    assert fetch_issue(connection("token", points_field="Story Size")).points == 8.0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((5, None), (5, True)),
        ((None, 8), (8, True)),
        ((3, 3), (3, True)),
        ((None, None), (None, True)),
        ((5, 8), (None, False)),
    ],
)
def test_points_come_from_either_of_jira_s_own_fields(
    jira: responses.RequestsMock, values: tuple[float | None, float | None], expected: tuple[float | None, bool]
) -> None:
    """Team-managed and company-managed projects have different ones. Two different values give no points."""
    show_fields(jira)
    jira.get(SERVER, json=issue(customfield_10016=values[0], customfield_10026=values[1]))
    seen = fetch_issue(connection("token"))
    assert (seen.points, seen.points_known) == expected


def test_several_fields_of_one_name_give_no_points(jira: responses.RequestsMock) -> None:
    """People have to choose one by id; each may have a value."""
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


def test_a_field_of_another_project_does_not_count(jira: responses.RequestsMock) -> None:
    """Each team-managed project may have a field with the same name."""
    own, foreign = field(10071, "Size", FLOAT, project="10000"), field(10072, "Size", FLOAT, project="10001")
    show_fields(jira, own, foreign)
    jira.get(SERVER, json=issue(customfield_10071=2))
    seen = fetch_issue(connection("token", points_field="Size", number_fields=["size"]))
    assert (seen.points, seen.numbers) == (2.0, (Number("size", 2.0),))


def test_the_field_catalogue_is_read_once_an_hour(jira: responses.RequestsMock) -> None:
    """Deliveries are parsed with it meanwhile."""
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


def test_a_fetch_works_without_the_field_catalogue(jira: responses.RequestsMock) -> None:
    """The standard fields are enough for most uses."""
    jira.get(f"{SITE}/rest/api/2/field", status=403, json={"errorMessages": ["no"]})
    jira.get(SERVER, json=issue(components=[]))
    seen = fetch_issue(connection("token", points_field="customfield_10016"))
    assert (seen.points, seen.components, seen.sprints, seen.parent) == (5.0, (), None, None)


def test_a_fetch_waits_if_the_field_catalogue_is_unavailable(jira: responses.RequestsMock) -> None:
    """Without it the fetch would read less than there is."""
    jira.get(f"{SITE}/rest/api/2/field", status=503)
    with pytest.raises(Unavailable):
        fetch_issue(connection("token"))


def test_a_fetched_issue_without_a_parent_has_none(jira: responses.RequestsMock) -> None:
    """All possible fields were requested. On Data Center only Epic Link has the epic."""
    for body, parent in (
        (issue(without=("customfield_10014",)), Parent(None)),
        (issue(customfield_10014="SHOP-1"), Parent("SHOP-1")),
        (issue(parent={"id": "20001", "key": "SHOP-1"}), Parent("SHOP-1", "20001")),
    ):
        show_fields(jira)
        jira.get(SERVER, json=body)
        assert fetch_issue(connection("token")).parent == parent


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_missing_issue_may_be_hidden(jira: responses.RequestsMock, status: int) -> None:
    """Jira sends 404 for both, so it proves nothing; 410 is about an address that was removed."""
    show_fields(jira)
    jira.get(SERVER, status=status, json={"errorMessages": ["Issue does not exist"]})
    with pytest.raises(Gone, match=": Issue does not exist") as caught:
        fetch_issue(connection("token"))
    assert not caught.value.proven


def test_a_web_page_in_place_of_an_issue_is_asked_for_again(jira: responses.RequestsMock) -> None:
    """It may be the page of a proxy, or of a sign-in."""
    show_fields(jira)
    jira.get(SERVER, body="<!DOCTYPE html><title>Log in</title>", content_type="text/html")
    with pytest.raises(Unavailable, match="a web page in place of JSON"):
        fetch_issue(connection("token"))


def test_a_response_about_another_issue_is_rejected(jira: responses.RequestsMock) -> None:
    """It must have the requested id."""
    show_fields(jira)
    jira.get(SERVER, json={**issue(), "id": "20013"})
    with pytest.raises(Gone, match="another issue"):
        fetch_issue(connection("token"))


def test_an_incomplete_response_is_rejected(jira: responses.RequestsMock) -> None:
    """There is no better source."""
    show_fields(jira)
    jira.get(SERVER, json=issue(without=("updated",)))
    with pytest.raises(Rejected, match="is incomplete"):
        fetch_issue(connection("token"))


@pytest.mark.parametrize("identity", ["", "SHOP-12", "1/../2", "٣"])
def test_an_invalid_identity_is_never_put_into_a_url(identity: str) -> None:
    """No call is made."""
    with pytest.raises(Rejected, match="not the id"):
        fetch_issue(connection("token"), identity)
