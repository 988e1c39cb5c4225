"""Remote links on the simulated Jira: as Atlassian describes them, by their global ids."""

from typing import Any

import pytest
import requests

from simulator import Jira
from simulator.jira import Issue, Project
from simulator.jira.rest.remote_links import MOST_LINKS
from tests.simulator.openapi_schemas import check, shared
from tests.simulator.receiver import Receiver

FACES = pytest.mark.parametrize("face", ["cloud", "data center"])
SCHEMAS = "/components/schemas"


def link(global_id: str | None = "okr-sync/m/KR-1", **fields: Any) -> dict[str, Any]:
    """Return a link to send."""
    shown = {"url": "https://okr.example", "title": "KR-1", "status": {"resolved": False, "icon": {}}}
    return {"globalId": global_id, "relationship": "counts toward", "object": shown | fields}


def call(jira: Jira, issue: Issue, method: str, *, body: Any = None, **params: str) -> requests.Response:
    """Call about an issue's links with permission."""
    version = 2 if jira.data_center else 3
    headers = {"Authorization": jira.authorization}
    address = f"{jira.url}/rest/api/{version}/issue/{issue.id}/remotelink"
    return requests.request(method, address, params=params, json=body, headers=headers, timeout=5)


def issue_of(jira: Jira) -> Issue:
    """Create an issue."""
    return jira.project("SHOP").create_issue("Pay")


@FACES
def test_a_link_is_made_once_replaced_whole_listed_and_taken_away(face: str) -> None:
    """By its global id; one without is always new."""
    with Jira(data_center=face == "data center", background=False) as jira:
        issue = issue_of(jira)
        made, again = (call(jira, issue, "POST", body=link()) for _ in range(2))
        assert (made.status_code, again.status_code) == (201, 200)
        assert made.json()["id"] == again.json()["id"]
        lesser = {name: value for name, value in link().items() if name != "relationship"}
        assert call(jira, issue, "POST", body=lesser).status_code == 200
        assert [call(jira, issue, "POST", body=link(None)).status_code for _ in range(2)] == [201, 201]
        listed = call(jira, issue, "GET").json()
        assert [("relationship" in one, one.get("globalId")) for one in listed] == [
            (False, "okr-sync/m/KR-1"),
            (True, None),
            (True, None),
        ]
        assert call(jira, issue, "GET", globalId="okr-sync/m/KR-1").json() == listed[0]
        assert call(jira, issue, "DELETE", globalId="okr-sync/m/KR-1").status_code == 204
        for method in ("GET", "DELETE"):
            assert call(jira, issue, method, globalId="okr-sync/m/KR-1").status_code == 404
        assert len(jira.remote_links.of(issue)) == 2


def test_answers_are_as_atlassian_describes_them() -> None:
    """One by one: the description calls a list by the name of what is in it."""
    document = shared("openapi/jira-cloud-v3.json")
    with Jira(background=False) as jira:
        issue = issue_of(jira)
        check(link(), document, f"{SCHEMAS}/RemoteIssueLinkRequest")
        check(call(jira, issue, "POST", body=link()).json(), document, f"{SCHEMAS}/RemoteIssueLinkIdentifies")
        (one,) = call(jira, issue, "GET").json()
        check(one, document, f"{SCHEMAS}/RemoteIssueLink")


@FACES
def test_who_may_not_is_refused(face: str) -> None:
    """Without a permission, for a hidden issue, or beyond the credentials' scopes."""
    with Jira(data_center=face == "data center", background=False) as jira:
        issue = issue_of(jira)
        jira.denied.add("LINK_ISSUES")
        assert call(jira, issue, "GET").status_code == 200
        assert call(jira, issue, "POST", body=link()).status_code == 403
        jira.remote_links.read_only = True
        assert call(jira, issue, "POST", body=link()).status_code == 401
        assert call(jira, issue, "GET").status_code == 200
        jira.hide(issue)
        assert call(jira, issue, "GET").status_code == 404


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"object": {"title": "x"}}, link(url="/x"), link(title="x" * 256), link("x" * 256)],
)
def test_what_is_no_link_is_refused(body: Any) -> None:
    """And a removal that names none."""
    with Jira(background=False) as jira:
        issue = issue_of(jira)
        assert call(jira, issue, "POST", body=body).status_code == 400
        assert call(jira, issue, "DELETE").status_code == 400


def test_an_issue_takes_no_more_links_than_it_may_have() -> None:
    """As Jira says."""
    with Jira(background=False) as jira:
        issue = issue_of(jira)
        for number in range(MOST_LINKS):
            jira.remote_links.put(issue, link(str(number)))
        assert call(jira, issue, "POST", body=link()).status_code == 413


def test_links_send_webhooks_only_if_switched_on(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """It is not documented whether they do."""
    issue = shop.create_issue("Pay")
    call(jira, issue, "POST", body=link())
    assert receiver.names == ["jira:issue_created"]
    jira.remote_links.sends_webhooks = True
    call(jira, issue, "POST", body=link())
    assert receiver.names[1:] == ["jira:issue_updated"]
    assert receiver.last["changelog"]["items"][0]["field"] == "RemoteIssueLink"


def test_a_comment_can_be_changed_by_others_and_taken_away(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """Each sends a webhook with its author."""
    comment = shop.create_issue("Pay").comment("/okr KR-1")
    with jira.acting_as("bo"):
        comment.edit("/okr KR-2")
    edited = receiver.last["comment"]
    assert (edited["body"], edited["author"]["displayName"], edited["updateAuthor"]["displayName"]) == (
        "/okr KR-2",
        "Ana",
        "Bo",
    )
    comment.delete()
    assert receiver.names[1:] == ["comment_created", "comment_updated", "comment_deleted"]


def test_data_center_tells_of_a_deleted_comment_with_its_issue_but_without_it(
    data_center: Jira, receiver: Receiver
) -> None:
    """The other webhook has only the comment."""
    comment = data_center.project("SHOP").create_issue("Pay").comment("Hello")
    receiver.forget()
    comment.delete()
    alone, whole = (one.json for one in receiver.received)
    assert ("issue" in alone, alone["webhookEvent"]) == (False, "comment_deleted")
    assert ("comment" in whole, whole["issue_event_type_name"]) == (False, "issue_comment_deleted")
