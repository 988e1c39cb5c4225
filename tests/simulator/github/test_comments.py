"""Comments and labels on the simulated GitHub, by hand and by calls."""

from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.github.rest_client import call, create_token, page_url
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

COMMENTS = "/repos/acme/checkout/issues/1/comments"
DESCRIBED = {
    COMMENTS: "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "one": "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "labels": "/repos/{owner}/{repo}/issues/{issue_number}/labels",
}


@pytest.fixture
def repo(checkout: Repository, receiver: Receiver) -> Repository:
    """Return a repository with an issue and a pull request, and a hook."""
    checkout.create_issue("Pay")
    checkout.create_pull_request("Add cards")
    receiver.forget()
    return checkout


def post_comment(hub: GitHub, text: Any, *, path: str = COMMENTS, token: str = "") -> requests.Response:
    """Comment by a call."""
    return call(hub, path, method="POST", json={"body": text}, token=token)


def test_a_comment_is_made_edited_and_removed(
    hub: GitHub, repo: Repository, receiver: Receiver, clock: SteppedClock
) -> None:
    """Each sends a webhook with the former text; the issue's time changes."""
    made = check_answer(post_comment(hub, "KR-1 is served by this"), DESCRIBED[COMMENTS])
    assert (made["user"]["login"], made["performed_via_github_app"]) == ("anaruiz", None)
    assert (receiver.last["comment"], receiver.last["issue"]["comments"]) == (made, 1)
    clock.step(7)
    path = f"/repos/acme/checkout/issues/comments/{made['id']}"
    edited = check_answer(call(hub, path, method="PATCH", json={"body": "KR-2"}), DESCRIBED["one"])
    assert (edited["body"], edited["updated_at"]) == ("KR-2", "2026-11-23T10:00:07Z")
    assert receiver.last["changes"] == {"body": {"from": "KR-1 is served by this"}}
    assert receiver.last["issue"]["updated_at"] == "2026-11-23T10:00:07Z"
    assert check_answer(call(hub, path), DESCRIBED["one"]) == edited
    assert check_answer(call(hub, COMMENTS), DESCRIBED[COMMENTS]) == [edited]
    assert call(hub, path, method="DELETE").status_code == 204
    assert receiver.names == ["issue_comment.created", "issue_comment.edited", "issue_comment.deleted"]
    assert call(hub, path).status_code == 404
    assert repo.issues[1].comments == []


def test_comments_come_in_pages(hub: GitHub, repo: Repository) -> None:
    """The oldest first."""
    for number in range(3):
        repo.issues[1].comment(f"Word {number}")
    first = call(hub, f"{COMMENTS}?per_page=2")
    assert [each["body"] for each in first.json()] == ["Word 0", "Word 1"]
    assert [each["body"] for each in call(hub, page_url(first)).json()] == ["Word 2"]


def test_an_app_comments_as_its_bot(hub: GitHub, repo: Repository, receiver: Receiver) -> None:
    """And can recognise its own comments by the sender and by the app."""
    app = hub.create_app(
        permissions={"issues": "write"}, events=["issue_comment"], hook_url=receiver.url, hook_secret="s"
    )
    installation = app.install([repo])
    receiver.forget()
    token = create_token(installation).json()["token"]
    made = check_answer(post_comment(hub, "Hello", token=token), DESCRIBED[COMMENTS])
    assert (made["user"]["login"], made["user"]["type"]) == ("okr-sync[bot]", "Bot")
    assert made["performed_via_github_app"]["id"] == app.id
    sent = next(each.json for each in receiver.received if "installation" in each.json)
    assert (sent["sender"]["login"], sent["installation"]["id"]) == ("okr-sync[bot]", installation.id)
    assert sent["comment"]["performed_via_github_app"]["slug"] == "okr-sync"
    reader = create_token(installation, permissions={"issues": "read"}).json()["token"]
    refused = post_comment(hub, "Hello", token=reader)
    assert refused.status_code == 403
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "issues=write; pull_requests=write"


def test_a_comment_on_a_pull_request_shows_the_issue_side_of_it(
    hub: GitHub, repo: Repository, receiver: Receiver
) -> None:
    """With the key `pull_request`."""
    post_comment(hub, "Hello", path="/repos/acme/checkout/issues/2/comments")
    assert receiver.last["issue"]["pull_request"]["url"].endswith("/pulls/2")
    assert call(hub, "/repos/acme/checkout/pulls/2").json()["comments"] == 1


@pytest.mark.parametrize("text", ["", "  ", None, 7, "x" * 65_537])
def test_a_comment_is_neither_empty_nor_too_long(hub: GitHub, repo: Repository, text: object) -> None:
    """Also when it is edited."""
    made = post_comment(hub, "Hello").json()
    path = f"/repos/acme/checkout/issues/comments/{made['id']}"
    answers = [post_comment(hub, text), call(hub, path, method="PATCH", json={"body": text})]
    assert [answer.status_code for answer in answers] == [422, 422]


def test_comments_of_an_issue_that_moved_are_404_at_the_old_address(hub: GitHub, repo: Repository) -> None:
    """While the issue itself redirects; a deleted issue is 410."""
    repo.issues[1].comment("Comes along")
    repo.issues[1].transfer(hub.repository("payments"))
    assert [each["body"] for each in call(hub, "/repos/acme/payments/issues/1/comments").json()] == ["Comes along"]
    assert [answer.status_code for answer in (call(hub, COMMENTS), post_comment(hub, "Hello"))] == [404, 404]
    repo.create_issue("Gone").delete()
    assert post_comment(hub, "Hello", path="/repos/acme/checkout/issues/3/comments").status_code == 410


def test_a_write_to_a_renamed_repository_is_led_on_by_307(hub: GitHub, repo: Repository) -> None:
    """So that a client that follows it sends the same again."""
    repo.rename("shop")
    moved = post_comment(hub, "Hello")
    assert (moved.status_code, moved.headers["Location"]) == (
        307,
        f"{hub.api_url}/repositories/{repo.id}/issues/1/comments",
    )
    assert post_comment(hub, "Hello", path=moved.headers["Location"]).status_code == 201


def test_labels_are_put_on_by_a_call(hub: GitHub, repo: Repository, receiver: Receiver) -> None:
    """New ones are created; the response lists all."""
    path = "/repos/acme/checkout/issues/1/labels"
    repo.issues[1].label("ui")
    receiver.forget()
    answer = check_answer(call(hub, path, method="POST", json={"labels": ["okr:KR-1", "ui"]}), DESCRIBED["labels"])
    assert [each["name"] for each in answer] == ["ui", "okr:KR-1"]
    assert receiver.names == ["label.created", "issues.labeled"]
    assert len(call(hub, path, method="POST", json=[{"name": "late"}]).json()) == 3
    assert len(check_answer(call(hub, path), DESCRIBED["labels"])) == 3
    assert call(hub, path, method="POST", json={"labels": [7]}).status_code == 422


def test_a_locked_issue_takes_no_comment_until_it_is_unlocked(
    hub: GitHub, repo: Repository, receiver: Receiver
) -> None:
    """The webhook and the response have it."""
    issue = repo.issues[1]
    issue.lock()
    assert receiver.last["issue"]["locked"] is True
    refused = post_comment(hub, "KR-1")
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "Unable to create comment because issue is locked.",
    )
    issue.unlock()
    assert post_comment(hub, "KR-1").status_code == 201
    assert [name for name in receiver.names if "locked" in name] == ["issues.locked", "issues.unlocked"]


def test_a_token_tells_whose_it_is_and_an_installation_is_nobody(hub: GitHub, repo: Repository) -> None:
    """As on GitHub."""
    assert call(hub, "/user").json()["login"] == "anaruiz"
    app = hub.create_app(permissions={"issues": "write"})
    token = create_token(app.install([repo])).json()["token"]
    assert call(hub, "/user", token=token).status_code == 403
