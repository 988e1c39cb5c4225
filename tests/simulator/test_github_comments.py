"""Comments and labels on the simulated GitHub, by hand and by calls."""

from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.asking import ask, following, mint
from tests.simulator.receiver import Receiver
from tests.simulator.schemas import check_answer

COMMENTS = "/repos/acme/checkout/issues/1/comments"
DESCRIBED = {
    COMMENTS: "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "one": "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "labels": "/repos/{owner}/{repo}/issues/{issue_number}/labels",
}


@pytest.fixture
def place(checkout: Repository, receiver: Receiver) -> Repository:
    """Give a repository with an issue and a pull request, and a hook."""
    checkout.create_issue("Pay")
    checkout.create_pull_request("Add cards")
    receiver.forget()
    return checkout


def say(hub: GitHub, text: Any, *, path: str = COMMENTS, token: str = "") -> requests.Response:
    """Comment by a call."""
    return ask(hub, path, method="POST", json={"body": text}, token=token)


def test_a_comment_is_made_edited_and_removed(
    hub: GitHub, place: Repository, receiver: Receiver, clock: SteppedClock
) -> None:
    """Each is told, with what was there before; the issue's time moves."""
    made = check_answer(say(hub, "KR-1 is served by this"), DESCRIBED[COMMENTS])
    assert (made["user"]["login"], made["performed_via_github_app"]) == ("anaruiz", None)
    assert (receiver.last["comment"], receiver.last["issue"]["comments"]) == (made, 1)
    clock.step(7)
    path = f"/repos/acme/checkout/issues/comments/{made['id']}"
    edited = check_answer(ask(hub, path, method="PATCH", json={"body": "KR-2"}), DESCRIBED["one"])
    assert (edited["body"], edited["updated_at"]) == ("KR-2", "2026-11-23T10:00:07Z")
    assert receiver.last["changes"] == {"body": {"from": "KR-1 is served by this"}}
    assert receiver.last["issue"]["updated_at"] == "2026-11-23T10:00:07Z"
    assert check_answer(ask(hub, path), DESCRIBED["one"]) == edited
    assert check_answer(ask(hub, COMMENTS), DESCRIBED[COMMENTS]) == [edited]
    assert ask(hub, path, method="DELETE").status_code == 204
    assert receiver.names == ["issue_comment.created", "issue_comment.edited", "issue_comment.deleted"]
    assert ask(hub, path).status_code == 404
    assert place.issues[1].comments == []


def test_comments_come_in_pages(hub: GitHub, place: Repository) -> None:
    """The oldest first."""
    for number in range(3):
        place.issues[1].comment(f"Word {number}")
    first = ask(hub, f"{COMMENTS}?per_page=2")
    assert [each["body"] for each in first.json()] == ["Word 0", "Word 1"]
    assert [each["body"] for each in ask(hub, following(first)).json()] == ["Word 2"]


def test_an_app_comments_as_its_bot(hub: GitHub, place: Repository, receiver: Receiver) -> None:
    """And can tell its own comments from others: by the sender and by the app."""
    app = hub.create_app(
        permissions={"issues": "write"}, events=["issue_comment"], hook_url=receiver.url, hook_secret="s"
    )
    installation = app.install([place])
    receiver.forget()
    token = mint(installation).json()["token"]
    made = check_answer(say(hub, "Hello", token=token), DESCRIBED[COMMENTS])
    assert (made["user"]["login"], made["user"]["type"]) == ("okr-sync[bot]", "Bot")
    assert made["performed_via_github_app"]["id"] == app.id
    told = next(each.json for each in receiver.received if "installation" in each.json)
    assert (told["sender"]["login"], told["installation"]["id"]) == ("okr-sync[bot]", installation.id)
    assert told["comment"]["performed_via_github_app"]["slug"] == "okr-sync"
    reader = mint(installation, permissions={"issues": "read"}).json()["token"]
    refused = say(hub, "Hello", token=reader)
    assert refused.status_code == 403
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "issues=write; pull_requests=write"


def test_a_comment_on_a_pull_request_shows_the_issue_side_of_it(
    hub: GitHub, place: Repository, receiver: Receiver
) -> None:
    """With the mark that it is a pull request."""
    say(hub, "Hello", path="/repos/acme/checkout/issues/2/comments")
    assert receiver.last["issue"]["pull_request"]["url"].endswith("/pulls/2")
    assert ask(hub, "/repos/acme/checkout/pulls/2").json()["comments"] == 1


@pytest.mark.parametrize("text", ["", "  ", None, 7, "x" * 65_537])
def test_a_comment_says_something_and_not_too_much(hub: GitHub, place: Repository, text: object) -> None:
    """Also when it is edited."""
    made = say(hub, "Hello").json()
    path = f"/repos/acme/checkout/issues/comments/{made['id']}"
    answers = [say(hub, text), ask(hub, path, method="PATCH", json={"body": text})]
    assert [answer.status_code for answer in answers] == [422, 422]


def test_comments_of_an_issue_that_moved_are_404_at_the_old_address(hub: GitHub, place: Repository) -> None:
    """While the issue itself leads on; a deleted issue is 410."""
    place.issues[1].comment("Comes along")
    place.issues[1].transfer(hub.repository("payments"))
    assert [each["body"] for each in ask(hub, "/repos/acme/payments/issues/1/comments").json()] == ["Comes along"]
    assert [answer.status_code for answer in (ask(hub, COMMENTS), say(hub, "Hello"))] == [404, 404]
    place.create_issue("Gone").delete()
    assert say(hub, "Hello", path="/repos/acme/checkout/issues/3/comments").status_code == 410


def test_a_write_to_a_renamed_repository_is_led_on_by_307(hub: GitHub, place: Repository) -> None:
    """So that a client that follows it sends the same again."""
    place.rename("shop")
    moved = say(hub, "Hello")
    assert (moved.status_code, moved.headers["Location"]) == (
        307,
        f"{hub.api_url}/repositories/{place.id}/issues/1/comments",
    )
    assert say(hub, "Hello", path=moved.headers["Location"]).status_code == 201


def test_labels_are_put_on_by_a_call(hub: GitHub, place: Repository, receiver: Receiver) -> None:
    """New ones come into being; the answer lists all."""
    path = "/repos/acme/checkout/issues/1/labels"
    place.issues[1].label("ui")
    receiver.forget()
    answer = check_answer(ask(hub, path, method="POST", json={"labels": ["okr:KR-1", "ui"]}), DESCRIBED["labels"])
    assert [each["name"] for each in answer] == ["ui", "okr:KR-1"]
    assert receiver.names == ["label.created", "issues.labeled"]
    assert len(ask(hub, path, method="POST", json=[{"name": "late"}]).json()) == 3
    assert len(check_answer(ask(hub, path), DESCRIBED["labels"])) == 3
    assert ask(hub, path, method="POST", json={"labels": [7]}).status_code == 422


def test_a_locked_issue_takes_no_comment_until_it_is_unlocked(
    hub: GitHub, place: Repository, receiver: Receiver
) -> None:
    """It is told of, and shown."""
    issue = place.issues[1]
    issue.lock()
    assert receiver.last["issue"]["locked"] is True
    refused = say(hub, "KR-1")
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "Unable to create comment because issue is locked.",
    )
    issue.unlock()
    assert say(hub, "KR-1").status_code == 201
    assert [name for name in receiver.names if "locked" in name] == ["issues.locked", "issues.unlocked"]


def test_a_token_tells_whose_it_is_and_an_installation_is_nobody(hub: GitHub, place: Repository) -> None:
    """As GitHub has it."""
    assert ask(hub, "/user").json()["login"] == "anaruiz"
    app = hub.create_app(permissions={"issues": "write"})
    token = mint(app.install([place])).json()["token"]
    assert ask(hub, "/user", token=token).status_code == 403
