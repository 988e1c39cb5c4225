"""Comments by REST calls: as Atlassian describes them, and their webhooks."""

from typing import Any

import pytest
import requests

from simulator import Jira
from simulator.jira import Issue, Project
from simulator.jira.rest.comments import LONGEST
from tests.simulator.openapi_schemas import check, shared
from tests.simulator.receiver import Receiver

FACES = pytest.mark.parametrize("face", ["cloud", "data center"])
LINKED = {"type": "text", "text": "KR-1", "marks": [{"type": "link", "attrs": {"href": "https://okr.example"}}]}


def document(*content: Any) -> dict[str, Any]:
    """Return a document of one paragraph."""
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": list(content)}]}


def call(jira: Jira, issue: Issue, method: str, id_: str = "", *, body: Any = None, **params: Any) -> requests.Response:
    """Call about an issue's comments with permission; `body` is the comment."""
    version = 2 if jira.data_center else 3
    address = f"{jira.url}/rest/api/{version}/issue/{issue.id}/comment{f'/{id_}' if id_ else ''}"
    sent = None if body is None else {"body": body}
    return requests.request(
        method, address, params=params, json=sent, headers={"Authorization": jira.authorization}, timeout=5
    )


def issue_of(jira: Jira) -> Issue:
    """Create an issue."""
    return jira.project("SHOP").create_issue("Pay")


@FACES
def test_a_comment_is_made_listed_and_changed_by_its_author_alone(face: str) -> None:
    """In the format of each."""
    with Jira(data_center=face == "data center", background=False) as jira:
        issue = issue_of(jira)
        theirs = issue.comment("Hello")
        first, second = ("a", "b") if jira.data_center else (document({"type": "text", "text": one}) for one in "ab")
        made = call(jira, issue, "POST", body=first)
        assert (made.status_code, made.json()["body"]) == (201, first)
        assert made.json()["author"]["displayName"] == jira.bot.display_name
        changed = call(jira, issue, "PUT", made.json()["id"], body=second)
        assert (changed.status_code, changed.json()["body"]) == (200, second)
        assert call(jira, issue, "PUT", theirs.id, body=second).status_code == 400
        assert call(jira, issue, "PUT", "9", body=second).status_code == 404
        listed = call(jira, issue, "GET").json()
        assert ([one["id"] for one in listed["comments"]], listed["total"]) == ([theirs.id, made.json()["id"]], 2)
        paged = call(jira, issue, "GET", startAt=1, maxResults=1, orderBy="-created").json()
        assert [one["id"] for one in paged["comments"]] == [theirs.id]
        assert call(jira, issue, "GET", orderBy="x").status_code == 400


@FACES
def test_a_comment_is_taken_away_by_its_author_alone(face: str) -> None:
    """If that is permitted."""
    with Jira(data_center=face == "data center", background=False) as jira:
        issue = issue_of(jira)
        theirs = issue.comment("Hello")
        made = call(jira, issue, "POST", body="a" if jira.data_center else document(LINKED)).json()["id"]
        assert call(jira, issue, "DELETE", theirs.id).status_code == 403
        jira.denied.add("DELETE_OWN_COMMENTS")
        assert call(jira, issue, "DELETE", made).status_code == 403
        jira.denied.clear()
        assert [call(jira, issue, "DELETE", made).status_code for _ in range(2)] == [204, 404]
        assert issue.comments == [theirs]
        jira.hide(issue)
        assert call(jira, issue, "DELETE", theirs.id).status_code == 404


def test_webhooks_have_documents_as_wiki_markup(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """As for a person's comment."""
    issue = shop.create_issue("Pay")
    listed = {"type": "bulletList", "content": [{"type": "listItem", "content": document(LINKED)["content"]}]}
    body = {**document({"type": "text", "text": "For"}), "content": [*document(LINKED)["content"], listed]}
    id_ = call(jira, issue, "POST", body=body).json()["id"]
    assert receiver.last["comment"]["body"] == "[KR-1|https://okr.example]\n\n* [KR-1|https://okr.example]"
    call(jira, issue, "PUT", id_, body=document({"type": "text", "text": "Else"}))
    assert (receiver.names[-1], receiver.last["comment"]["body"]) == ("comment_updated", "Else")


def test_answers_are_as_atlassian_describes_them() -> None:
    """One by one, and as a page."""
    described = shared("openapi/jira-cloud-v3.json")
    with Jira(background=False) as jira:
        issue = issue_of(jira)
        check(call(jira, issue, "POST", body=document(LINKED)).json(), described, "/components/schemas/Comment")
        check(call(jira, issue, "GET").json(), described, "/components/schemas/PageOfComments")


@FACES
def test_who_may_not_is_refused(face: str) -> None:
    """Without a permission, for a hidden issue, or beyond the credentials' scopes."""
    with Jira(data_center=face == "data center", background=False) as jira:
        issue = issue_of(jira)
        body = "a" if jira.data_center else document(LINKED)
        jira.denied.add("ADD_COMMENTS")
        assert call(jira, issue, "POST", body=body).status_code == 400
        jira.remote_links.read_only = True
        assert call(jira, issue, "POST", body=body).status_code == 401
        assert call(jira, issue, "GET").status_code == 200
        jira.hide(issue)
        assert call(jira, issue, "GET").status_code == 404
        jira.remote_links.read_only = False
        assert call(jira, issue, "POST", body=body).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        None,
        "a",
        {"type": "doc"},
        {"type": "doc", "version": 1},
        document({"type": "text", "text": ""}),
        document({"type": "blink", "content": []}),
        document("a"),
        document({**LINKED, "marks": [{"type": "link", "attrs": {"href": "/x"}}]}),
        document({"type": "text", "text": "x" * (LONGEST + 1)}),
    ],
)
def test_what_is_no_document_is_refused(body: Any) -> None:
    """By Cloud."""
    with Jira(background=False) as jira:
        assert call(jira, issue_of(jira), "POST", body=body).status_code == 400


@pytest.mark.parametrize("body", [None, "", {"type": "doc", "version": 1, "content": []}])
def test_data_center_takes_text_alone(body: Any) -> None:
    """And not none."""
    with Jira(data_center=True, background=False) as jira:
        assert call(jira, issue_of(jira), "POST", body=body).status_code == 400
