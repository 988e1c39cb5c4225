"""Issue lists of the simulated GitHub, short and long."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import BulkIssue, Repository
from tests.simulator.github.rest_client import call, page_url
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

LIST = "/repos/acme/checkout/issues"


def numbers(answer: requests.Response) -> list[int]:
    """Return the numbers of the issues in a list."""
    assert answer.status_code == 200, answer.text
    return [issue["number"] for issue in answer.json()]


def walk(hub: GitHub, path: str) -> Iterator[list[int]]:
    """Follow a list from page to page."""
    while path:
        answer = call(hub, path)
        yield numbers(answer)
        path = page_url(answer)


@pytest.fixture
def repo(hub: GitHub, clock: SteppedClock) -> Repository:
    """Return a repository with three issues and a pull request, each made ten seconds after the one before."""
    repo = hub.repository("checkout")
    for title in ("One", "Two", "Three"):
        repo.create_issue(title)
        clock.step(10)
    repo.create_pull_request("Four")
    clock.step(10)
    repo.issues[2].close()
    return repo


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [4, 3, 1]),
        ("?state=all", [4, 3, 2, 1]),
        ("?state=closed", [2]),
        ("?state=all&direction=asc", [1, 2, 3, 4]),
        ("?state=all&sort=updated", [2, 4, 3, 1]),
        ("?state=all&sort=updated&direction=asc", [1, 3, 4, 2]),
        ("?state=all&sort=updated&direction=asc&since=2026-11-23T10:00:20Z", [3, 4, 2]),
        ("?state=all&since=2026-11-23T10:00:30", [4, 2]),
        ("?state=open&since=2026-11-23T12:00:30%2B02:00&direction=asc", [4]),
    ],
)
def test_a_list_has_the_requested_filter_and_order(
    hub: GitHub, repo: Repository, query: str, expected: list[int]
) -> None:
    """`since` compares the last change, includes that second, and defaults to UTC."""
    assert numbers(call(hub, LIST + query)) == expected
    assert numbers(call(hub, f"/repositories/{repo.id}/issues{query}")) == expected


def test_pull_requests_are_listed_as_issues_with_a_mark(hub: GitHub, repo: Repository) -> None:
    """Each issue is as a webhook has it."""
    first, *rest = call(hub, LIST).json()
    assert first["pull_request"]["url"] == f"{hub.api_url}/repos/acme/checkout/pulls/4"
    assert not any("pull_request" in each for each in rest)
    assert rest[0]["updated_at"] == "2026-11-23T10:00:20Z"
    assert "assignee" not in call(hub, LIST, X_GitHub_Api_Version="2026-03-10").json()[0]


def test_what_changes_moves_in_the_list(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """Also by a deleted label; deleted and transferred issues are not in it."""
    clock.step(5)
    repo.issues[1].label("ui")
    assert numbers(call(hub, LIST + "?state=all&sort=updated"))[0] == 1
    clock.step(5)
    repo.issues[3].edit(title="Better")
    clock.step(5)
    repo.labels[0].delete()
    assert numbers(call(hub, LIST + "?state=all&sort=updated")) == [1, 3, 2, 4]
    repo.issues[1].delete()
    repo.issues[3].transfer(hub.repository("payments"))
    assert numbers(call(hub, LIST + "?state=all")) == [4, 2]
    repo.issues[2].reopen()
    assert numbers(call(hub, LIST + "?state=closed")) == []


def test_pages_are_led_to_by_the_link(hub: GitHub) -> None:
    """The last page has no next; 100 is the maximum, 30 the default."""
    hub.repository("checkout").create_issues(250)
    assert [len(page) for page in walk(hub, LIST + "?per_page=1000")] == [100, 100, 50]
    assert [each for page in walk(hub, LIST) for each in page] == list(range(250, 0, -1))
    assert "page=2" in page_url(call(hub, LIST + "?per_page=0"))
    assert len(numbers(call(hub, LIST + "?per_page=many"))) == 30
    assert numbers(call(hub, LIST + "?page=99")) == []


def test_a_long_list_is_followed_by_a_cursor(hub: GitHub) -> None:
    """Deep page numbers are refused with GitHub's message, and new issues shift nothing."""
    hub.deepest_page = 200
    repo = hub.repository("checkout")
    repo.create_issues(230)
    deep = call(hub, LIST + "?per_page=50&page=4")
    assert (deep.status_code, "please use cursor based pagination (after/before)" in deep.json()["message"]) == (
        422,
        True,
    )
    pages = walk(hub, LIST + "?per_page=50&sort=created&direction=desc")
    seen = next(pages)
    repo.create_issue("New")
    seen += [each for page in pages for each in page]
    assert seen == list(range(230, 0, -1))
    upward = [each for page in walk(hub, LIST + "?per_page=50&direction=asc") for each in page]
    assert upward == list(range(1, 232))
    assert call(hub, LIST + "?after=nonsense").status_code == 422


@pytest.mark.parametrize("query", ["state=done", "sort=comments", "direction=up", "since=yesterday", "labels=ui"])
def test_unknown_list_parameters_are_refused(hub: GitHub, repo: Repository, query: str) -> None:
    """It is not ignored, which a test would not notice."""
    assert call(hub, f"{LIST}?{query}").status_code == 422


def test_a_list_of_a_repository_that_is_not_there_is_404(hub: GitHub, repo: Repository) -> None:
    """Or hidden; a renamed one redirects with the query."""
    assert call(hub, "/repos/acme/other/issues").status_code == 404
    repo.rename("shop")
    moved = call(hub, LIST + "?state=all&page=1")
    assert moved.status_code == 301
    assert moved.headers["Location"] == f"{hub.api_url}/repositories/{repo.id}/issues?state=all&page=1"
    repo.visible = False
    assert call(hub, "/repos/acme/shop/issues").status_code == 404


@pytest.mark.slow
@pytest.mark.only_in_test_all
def test_a_hundred_thousand_issues_cost_little(hub: GitHub, receiver: Receiver) -> None:
    """No webhooks, little memory, and a deep page is as fast as the first."""
    repo = hub.repository("checkout")
    hub.add_hook(repo, url=receiver.url)
    receiver.forget()
    milestone = repo.create_milestone("v1")
    label = repo.label("ui")
    receiver.forget()

    def bulk_issue(number: int) -> BulkIssue:
        done = number % 3 == 0
        return BulkIssue(
            title=f"Step {number}",
            labels=(label,),
            milestone=milestone if number % 2 else None,
            closed=done,
            reason="not_planned" if number % 2 else None,
            pull_request=number % 10 == 0,
            merged=number % 30 == 0,
        )

    tracemalloc.start()
    made = repo.create_issues(100_000, bulk_issue)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(made), len(repo.issues), repo.open_issues) == (100_000, 100_000, 66_667)
    assert kept < 30_000_000
    assert receiver.received == []
    hub.deepest_page = 10**9
    far = numbers(call(hub, LIST + "?state=all&sort=updated&direction=asc&per_page=100&page=900"))
    assert far == list(range(89_901, 90_001))
    assert (milestone.open_issues, milestone.closed_issues) == (33_333, 16_667)
    assert len(repo.issues._loaded) == 0
    assert call(hub, LIST + "/90000").json()["pull_request"]["merged_at"] is not None
    assert call(hub, LIST + "/99999").json()["state_reason"] == "not_planned"


def test_a_bulk_issue_becomes_an_object_when_it_is_changed(hub: GitHub, clock: SteppedClock) -> None:
    """Its identity stays, and it can be found by its id."""
    repo = hub.repository("checkout")
    repo.create_issues(5, lambda number: BulkIssue(title=f"Step {number}", pull_request=number == 4))
    before = call(hub, LIST + "/3").json()
    clock.step(60)
    repo.issues[3].close()
    after = call(hub, LIST + "/3").json()
    assert (before["id"], before["node_id"], before["state"]) == (after["id"], after["node_id"], "open")
    assert after["state"] == "closed"
    assert numbers(call(hub, LIST + "?state=all&sort=updated"))[0] == 3
    pull: Any = repo.issues.peek(4)
    assert [repo.issues.number_of(id_) for id_ in (after["id"], pull.id, pull.pull_id, 7)] == [3, 4, 4, None]
    repo.issues[3].delete()
    assert (3 in repo.issues, repo.issues.number_of(after["id"])) == (False, None)
    with pytest.raises(KeyError):
        repo.issues[3]
    assert repo.create_issue("Next").number == 6


def test_issues_made_in_bulk_were_made_one_after_the_other(hub: GitHub) -> None:
    """The last one now; a bulk issue may have a time of its last change."""
    changed = datetime(2026, 11, 1, tzinfo=UTC)
    repo = hub.repository("checkout")
    repo.create_issues(
        3,
        lambda number: BulkIssue(title="Step", updated=changed if number == 2 else None),
        every=timedelta(days=1),
    )
    listed = call(hub, LIST + "?direction=asc&sort=updated").json()
    assert [(each["number"], each["created_at"][:10], each["updated_at"][:10]) for each in listed] == [
        (2, "2026-11-22", "2026-11-01"),
        (1, "2026-11-21", "2026-11-21"),
        (3, "2026-11-23", "2026-11-23"),
    ]


def test_an_unchanged_answer_is_spared(hub: GitHub, repo: Repository) -> None:
    """By an ETag that is valid for one credential; a change, or another token, gets the whole response."""
    first = call(hub, LIST)
    again = call(hub, LIST, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.text, again.headers["ETag"]) == (304, "", first.headers["ETag"])
    former, hub.token = first.headers["ETag"], "another"
    other = call(hub, LIST, If_None_Match=former)
    assert (other.status_code, other.json()) == (200, first.json())
    repo.issues[1].close()
    assert call(hub, LIST, If_None_Match=other.headers["ETag"]).status_code == 200
    assert "ETag" not in call(hub, LIST + "/77").headers


def test_every_answer_bears_the_simulator_s_time(hub: GitHub, clock: SteppedClock) -> None:
    """So that a caller can tell that its own clock is wrong."""
    clock.step(3600)
    assert call(hub, "/user").headers["Date"] == "Mon, 23 Nov 2026 11:00:00 GMT"
    assert call(hub, "/nowhere").headers["Date"] == "Mon, 23 Nov 2026 11:00:00 GMT"


def test_a_milestone_is_found_by_its_number(hub: GitHub) -> None:
    """With its counts."""
    repo = hub.repository("checkout")
    repo.create_issue("Pay", milestone=repo.create_milestone("v1"))
    found = call(hub, "/repos/acme/checkout/milestones/1").json()
    assert (found["title"], found["open_issues"], found["closed_issues"]) == ("v1", 1, 0)
    repo.milestones[0].delete()
    assert call(hub, "/repos/acme/checkout/milestones/1").status_code == 404
    assert repo.issues[1].milestone is None


def test_lists_are_as_github_describes(hub: GitHub, repo: Repository) -> None:
    """Check whole responses against the shared API description."""
    repo.create_milestone("v1")
    check_answer(call(hub, LIST + "?state=all"), "/repos/{owner}/{repo}/issues")
    check_answer(call(hub, LIST + "?state=none"), "/repos/{owner}/{repo}/issues")
    check_answer(call(hub, "/repos/acme/checkout/milestones/1"), "/repos/{owner}/{repo}/milestones/{milestone_number}")
