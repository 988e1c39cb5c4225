"""Unusual responses to a list of changes or to a common fetch."""

from datetime import datetime
from typing import Any

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from sync_service.domain.trackers.capabilities import ChangesRequest, Page
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from tests.connectors.jira.fake_http import LONG_AGO, keys
from tests.connectors.jira.payloads import SITE, connection, issue

CLOUD = f"{SITE}/rest/api/3"
SERVER = f"{SITE}/rest/api/2"
ON_CLOUD = {"email": "ana@example.com"}


def change(found: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Prepare a page of a list."""
    return {"issues": found, **more}


def list_cloud(cursor: str | None = None, *, id_: str | None = "10000", since: datetime | None = LONG_AGO) -> Page:
    """List the project of these tests."""
    request = ChangesRequest(name="SHOP", id=id_, since=since)
    return Jira(HttpClient()).list_changes(connection("token", **ON_CLOUD), asked=request, cursor=cursor)


def test_a_missing_count_is_no_error(mock: responses.RequestsMock) -> None:
    """An import needs it only for its progress bar."""
    mock.get(f"{CLOUD}/field", json=[])
    mock.get(f"{CLOUD}/project/SHOP", json={"id": "10000", "key": "SHOP"})
    mock.get(f"{CLOUD}/search/jql", json=change([issue()], isLast=True))
    mock.post(f"{CLOUD}/search/approximate-count", status=503)
    page = list_cloud(id_=None, since=None)
    assert (page.expected, page.cursor, keys([page])) == (None, None, ["SHOP-12"])


def test_a_refused_query_says_why(mock: responses.RequestsMock) -> None:
    """If the project still exists."""
    mock.get(f"{CLOUD}/field", json=[])
    mock.get(f"{CLOUD}/project/10000", json={"id": "10000", "key": "SHOP"})
    mock.get(f"{CLOUD}/search/jql", status=400, json={"errorMessages": ["Field 'updated' does not exist."]})
    with pytest.raises(Rejected, match="SHOP: Field 'updated' does not exist"):
        list_cloud()


def test_cloud_configured_as_data_center_says_what_is_missing(mock: responses.RequestsMock) -> None:
    """Cloud has no old search any more, which must not look like a missing project."""
    mock.get(f"{SERVER}/field", json=[])
    mock.get(f"{SERVER}/project/10000", json={"id": "10000", "key": "SHOP"})
    mock.get(f"{SERVER}/search", status=410, json={"errorMessages": ["The requested API has been removed."]})
    with pytest.raises(Refused, match="e-mail address"):
        Jira().list_changes(
            connection("token"), asked=ChangesRequest(name="SHOP", id="10000", since=LONG_AGO), cursor=None
        )


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"id": "10001", "key": "SHOP"}, Gone), ({"key": "SHOP"}, Rejected), ({"id": "10000"}, Rejected)],
)
def test_another_project_is_rejected(
    mock: responses.RequestsMock, answer: dict[str, str], error: type[Exception]
) -> None:
    """Also a response that names none."""
    mock.get(f"{CLOUD}/project/10000", json=answer)
    with pytest.raises(error):
        list_cloud()


@pytest.mark.parametrize(("away", "why"), [("archived", "was archived"), ("deleted", "was moved to the trash")])
def test_an_archived_project_is_not_listed(mock: responses.RequestsMock, away: str, why: str) -> None:
    """Jira still returns it. A list would restore what the webhook has just removed."""
    mock.get(f"{CLOUD}/project/10000", json={"id": "10000", "key": "SHOP", away: True})
    with pytest.raises(Gone, match=why) as caught:
        list_cloud()
    assert not caught.value.proven


@pytest.mark.parametrize("name", ["SHOP/../x", "", "Ümlaut", "A B"])
def test_an_invalid_name_is_never_put_into_a_url(name: str) -> None:
    """No call is made."""
    with pytest.raises(Rejected, match="not the key"):
        Jira().list_changes(
            connection("token", **ON_CLOUD), asked=ChangesRequest(name=name, id=None, since=LONG_AGO), cursor=None
        )


def test_incomplete_issues_on_a_page_need_fetches(mock: responses.RequestsMock) -> None:
    """Missing fields are not invented, and the list still ends."""
    mock.get(f"{CLOUD}/field", json=[])
    mock.get(f"{CLOUD}/project/10000", json={"id": "10000", "key": "SHOP"})
    bucket = {"id": "20012", "key": "SHOP-12", "fields": {"summary": "Pay"}}
    mock.get(f"{CLOUD}/search/jql", json=change([bucket], isLast=True, nextPageToken=None))
    page = list_cloud()
    assert type(page.observations[1]).__name__ == "FetchNeeded"
    assert (page.cursor, page.newest) == (None, None)


def test_an_incomplete_page_on_data_center_ends_the_list(mock: responses.RequestsMock) -> None:
    """Without a total the next page is unknown."""
    mock.get(f"{SERVER}/field", json=[])
    mock.get(f"{SERVER}/project/10000", json={"id": "10000", "key": "SHOP"})
    mock.get(f"{SERVER}/search", json=change([]))
    request = ChangesRequest(name="SHOP", id="10000", since=LONG_AGO)
    assert Jira().list_changes(connection("token"), asked=request, cursor=None).cursor is None


def test_an_incomplete_issue_in_a_common_fetch_is_rejected(mock: responses.RequestsMock) -> None:
    """There is no better source. Issues that were not requested are skipped."""
    mock.get(f"{CLOUD}/field", json=[])
    bucket = {"id": "20012", "key": "SHOP-12", "fields": {}}
    mock.post(f"{CLOUD}/issue/bulkfetch", json={"issues": [bucket, {"id": "7"}, {}], "issueErrors": []})
    seen = Jira().fetch_issues(connection("token", **ON_CLOUD), wanted={"20012": "SHOP-12"})
    assert isinstance(seen["20012"], Rejected)
    assert set(seen) == {"20012"}
