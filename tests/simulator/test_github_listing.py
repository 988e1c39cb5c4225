"""Lists of issues on the simulated GitHub, of which some are long."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import Repository, Sketch
from tests.simulator.asking import ask, following
from tests.simulator.receiver import Receiver
from tests.simulator.schemas import check_answer

LIST = "/repos/acme/checkout/issues"


def numbers(answer: requests.Response) -> list[int]:
    """Give the numbers of the issues in a list."""
    assert answer.status_code == 200, answer.text
    return [issue["number"] for issue in answer.json()]


def walk(hub: GitHub, path: str) -> Iterator[list[int]]:
    """Follow a list from page to page."""
    while path:
        answer = ask(hub, path)
        yield numbers(answer)
        path = following(answer)


@pytest.fixture
def place(hub: GitHub, clock: SteppedClock) -> Repository:
    """Give a repository with three issues and a pull request, each made ten seconds after the one before."""
    place = hub.repository("checkout")
    for title in ("One", "Two", "Three"):
        place.create_issue(title)
        clock.step(10)
    place.create_pull_request("Four")
    clock.step(10)
    place.issues[2].close()
    return place


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
def test_a_list_has_what_is_asked_for_in_the_order_asked_for(
    hub: GitHub, place: Repository, query: str, expected: list[int]
) -> None:
    """`since` goes by the last change, includes that second, and means UTC where it does not say."""
    assert numbers(ask(hub, LIST + query)) == expected
    assert numbers(ask(hub, f"/repositories/{place.id}/issues{query}")) == expected


def test_pull_requests_are_listed_as_issues_with_a_mark(hub: GitHub, place: Repository) -> None:
    """Each issue is as a webhook has it."""
    first, *rest = ask(hub, LIST).json()
    assert first["pull_request"]["url"] == f"{hub.api_url}/repos/acme/checkout/pulls/4"
    assert not any("pull_request" in each for each in rest)
    assert rest[0]["updated_at"] == "2026-11-23T10:00:20Z"
    assert "assignee" not in ask(hub, LIST, X_GitHub_Api_Version="2026-03-10").json()[0]


def test_what_changes_moves_in_the_list(hub: GitHub, place: Repository, clock: SteppedClock) -> None:
    """Also what a deleted label touches; what is deleted or transferred away is gone from it."""
    clock.step(5)
    place.issues[1].label("ui")
    assert numbers(ask(hub, LIST + "?state=all&sort=updated"))[0] == 1
    clock.step(5)
    place.issues[3].edit(title="Better")
    clock.step(5)
    place.labels[0].delete()
    assert numbers(ask(hub, LIST + "?state=all&sort=updated")) == [1, 3, 2, 4]
    place.issues[1].delete()
    place.issues[3].transfer(hub.repository("payments"))
    assert numbers(ask(hub, LIST + "?state=all")) == [4, 2]
    place.issues[2].reopen()
    assert numbers(ask(hub, LIST + "?state=closed")) == []


def test_pages_are_led_to_by_the_link(hub: GitHub) -> None:
    """The last page leads nowhere; 100 are the most, 30 the default."""
    hub.repository("checkout").create_issues(250)
    assert [len(page) for page in walk(hub, LIST + "?per_page=1000")] == [100, 100, 50]
    assert [each for page in walk(hub, LIST) for each in page] == list(range(250, 0, -1))
    assert "page=2" in following(ask(hub, LIST + "?per_page=0"))
    assert len(numbers(ask(hub, LIST + "?per_page=many"))) == 30
    assert numbers(ask(hub, LIST + "?page=99")) == []


def test_a_long_list_is_followed_by_a_cursor(hub: GitHub) -> None:
    """Deep page numbers are refused in GitHub's words, and what is new meanwhile shifts nothing."""
    hub.deepest_page = 200
    place = hub.repository("checkout")
    place.create_issues(230)
    deep = ask(hub, LIST + "?per_page=50&page=4")
    assert (deep.status_code, "please use cursor based pagination (after/before)" in deep.json()["message"]) == (
        422,
        True,
    )
    pages = walk(hub, LIST + "?per_page=50&sort=created&direction=desc")
    seen = next(pages)
    place.create_issue("New")
    seen += [each for page in pages for each in page]
    assert seen == list(range(230, 0, -1))
    upward = [each for page in walk(hub, LIST + "?per_page=50&direction=asc") for each in page]
    assert upward == list(range(1, 232))
    assert ask(hub, LIST + "?after=nonsense").status_code == 422


@pytest.mark.parametrize("query", ["state=done", "sort=comments", "direction=up", "since=yesterday", "labels=ui"])
def test_what_cannot_be_asked_for_is_refused(hub: GitHub, place: Repository, query: str) -> None:
    """Rather than ignored, which a test would not notice."""
    assert ask(hub, f"{LIST}?{query}").status_code == 422


def test_a_list_of_a_repository_that_is_not_there_is_404(hub: GitHub, place: Repository) -> None:
    """Or cannot be seen; a renamed one leads on with the query."""
    assert ask(hub, "/repos/acme/other/issues").status_code == 404
    place.rename("shop")
    moved = ask(hub, LIST + "?state=all&page=1")
    assert moved.status_code == 301
    assert moved.headers["Location"] == f"{hub.api_url}/repositories/{place.id}/issues?state=all&page=1"
    place.visible = False
    assert ask(hub, "/repos/acme/shop/issues").status_code == 404


@pytest.mark.slow
def test_a_hundred_thousand_issues_cost_little(hub: GitHub, receiver: Receiver) -> None:
    """Nothing is sent, little is kept, and a page far down is as good as the first."""
    place = hub.repository("checkout")
    hub.add_hook(place, url=receiver.url)
    receiver.forget()
    milestone = place.create_milestone("v1")
    label = place.label("ui")
    receiver.forget()

    def sketch(number: int) -> Sketch:
        done = number % 3 == 0
        return Sketch(
            title=f"Step {number}",
            labels=(label,),
            milestone=milestone if number % 2 else None,
            closed=done,
            reason="not_planned" if number % 2 else None,
            pull_request=number % 10 == 0,
            merged=number % 30 == 0,
        )

    tracemalloc.start()
    made = place.create_issues(100_000, sketch)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(made), len(place.issues), place.open_issues) == (100_000, 100_000, 66_667)
    assert kept < 30_000_000
    assert receiver.received == []
    hub.deepest_page = 10**9
    far = numbers(ask(hub, LIST + "?state=all&sort=updated&direction=asc&per_page=100&page=900"))
    assert far == list(range(89_901, 90_001))
    assert (milestone.open_issues, milestone.closed_issues) == (33_333, 16_667)
    assert len(place.issues._kept) == 0
    assert ask(hub, LIST + "/90000").json()["pull_request"]["merged_at"] is not None
    assert ask(hub, LIST + "/99999").json()["state_reason"] == "not_planned"


def test_a_sketched_issue_becomes_a_whole_one_when_it_is_changed(hub: GitHub, clock: SteppedClock) -> None:
    """Its identity stays, and it can be found by its id."""
    place = hub.repository("checkout")
    place.create_issues(5, lambda number: Sketch(title=f"Step {number}", pull_request=number == 4))
    before = ask(hub, LIST + "/3").json()
    clock.step(60)
    place.issues[3].close()
    after = ask(hub, LIST + "/3").json()
    assert (before["id"], before["node_id"], before["state"]) == (after["id"], after["node_id"], "open")
    assert after["state"] == "closed"
    assert numbers(ask(hub, LIST + "?state=all&sort=updated"))[0] == 3
    pull: Any = place.issues.peek(4)
    assert [place.issues.number_of(id_) for id_ in (after["id"], pull.id, pull.pull_id, 7)] == [3, 4, 4, None]
    place.issues[3].delete()
    assert (3 in place.issues, place.issues.number_of(after["id"])) == (False, None)
    with pytest.raises(KeyError):
        place.issues[3]
    assert place.create_issue("Next").number == 6


def test_issues_made_in_bulk_were_made_one_after_the_other(hub: GitHub) -> None:
    """The last one now; a sketch may say when it changed last."""
    changed = datetime(2026, 11, 1, tzinfo=UTC)
    place = hub.repository("checkout")
    place.create_issues(
        3,
        lambda number: Sketch(title="Step", updated=changed if number == 2 else None),
        every=timedelta(days=1),
    )
    listed = ask(hub, LIST + "?direction=asc&sort=updated").json()
    assert [(each["number"], each["created_at"][:10], each["updated_at"][:10]) for each in listed] == [
        (2, "2026-11-22", "2026-11-01"),
        (1, "2026-11-21", "2026-11-21"),
        (3, "2026-11-23", "2026-11-23"),
    ]


def test_an_unchanged_answer_is_spared(hub: GitHub, place: Repository) -> None:
    """By a tag that holds for one credential; a change, or another token, gets the whole answer again."""
    first = ask(hub, LIST)
    again = ask(hub, LIST, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.text, again.headers["ETag"]) == (304, "", first.headers["ETag"])
    former, hub.token = first.headers["ETag"], "another"
    other = ask(hub, LIST, If_None_Match=former)
    assert (other.status_code, other.json()) == (200, first.json())
    place.issues[1].close()
    assert ask(hub, LIST, If_None_Match=other.headers["ETag"]).status_code == 200
    assert "ETag" not in ask(hub, LIST + "/77").headers


def test_every_answer_bears_the_simulator_s_time(hub: GitHub, clock: SteppedClock) -> None:
    """So that a caller can tell that its own clock is wrong."""
    clock.step(3600)
    assert ask(hub, "/user").headers["Date"] == "Mon, 23 Nov 2026 11:00:00 GMT"
    assert ask(hub, "/nowhere").headers["Date"] == "Mon, 23 Nov 2026 11:00:00 GMT"


def test_a_milestone_is_found_by_its_number(hub: GitHub) -> None:
    """With its counts."""
    place = hub.repository("checkout")
    place.create_issue("Pay", milestone=place.create_milestone("v1"))
    found = ask(hub, "/repos/acme/checkout/milestones/1").json()
    assert (found["title"], found["open_issues"], found["closed_issues"]) == ("v1", 1, 0)
    place.milestones[0].delete()
    assert ask(hub, "/repos/acme/checkout/milestones/1").status_code == 404
    assert place.issues[1].milestone is None


def test_lists_are_as_github_describes(hub: GitHub, place: Repository) -> None:
    """Whole answers against the shared description."""
    place.create_milestone("v1")
    check_answer(ask(hub, LIST + "?state=all"), "/repos/{owner}/{repo}/issues")
    check_answer(ask(hub, LIST + "?state=none"), "/repos/{owner}/{repo}/issues")
    check_answer(ask(hub, "/repos/acme/checkout/milestones/1"), "/repos/{owner}/{repo}/milestones/{milestone_number}")
