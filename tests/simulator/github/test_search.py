"""Searches on the simulated GitHub."""

from urllib.parse import quote

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.github.rest_client import call, create_token, page_url
from tests.simulator.openapi_schemas import check_answer

SEARCH = "/search/issues"


def search(hub: GitHub, query: str, *, more: str = "", token: str = "") -> requests.Response:
    """Search."""
    return call(hub, f"{SEARCH}?q={quote(query)}{more}", token=token)


def titles(hub: GitHub, query: str, *, more: str = "") -> set[str]:
    """Return the titles of the results, after a check against the API description."""
    return {item["title"] for item in check_answer(search(hub, query, more=more), SEARCH)["items"]}


@pytest.fixture
def repo(hub: GitHub, clock: SteppedClock) -> Repository:
    """Return a repository with all kinds of issues; another one has one issue.

    Each has a body: the API description does not allow none.
    """
    repo = hub.repository("checkout")
    milestone = repo.create_milestone("Q4 launch")
    card = repo.create_issue("Pay by card", body="Needs a form", labels=["ui", "needs work"], type="Bug")
    card.assign("bruno")
    repo.create_issue("Pay by phone", body="", labels=["ui"], milestone=milestone).close(reason="not_planned")
    clock.step(86_400)
    with hub.acting_as("chen"):
        repo.create_issue("Receipt", body="").close()
        repo.create_pull_request("Add cards", body="", draft=True)
        repo.create_pull_request("Add phones", body="").merge()
    card.add_sub_issue(repo.create_issue("Form", body=""))
    hub.repository("payments").create_issue("Elsewhere", body="", labels=["ui"])
    return repo


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("repo:acme/checkout is:issue", {"Pay by card", "Pay by phone", "Receipt", "Form"}),
        ("repo:ACME/Checkout is:pr", {"Add cards", "Add phones"}),
        ("is:pull-request is:merged", {"Add phones"}),
        ("is:draft", {"Add cards"}),
        ("org:acme is:issue is:open", {"Pay by card", "Form", "Elsewhere"}),
        ("repo:acme/payments repo:acme/checkout label:ui", {"Pay by card", "Pay by phone", "Elsewhere"}),
        ("user:acme state:closed", {"Pay by phone", "Receipt", "Add phones"}),
        ('label:ui label:"needs work"', {"Pay by card"}),
        ('label:UI,"needs work" is:open', {"Pay by card", "Elsewhere"}),
        ("-label:ui is:issue", {"Receipt", "Form"}),
        ('milestone:"q4 launch"', {"Pay by phone"}),
        ("no:milestone is:closed is:issue", {"Receipt"}),
        ("no:label is:issue", {"Receipt", "Form"}),
        ("assignee:bruno", {"Pay by card"}),
        ("-no:assignee", {"Pay by card"}),
        ("no:type no:parent-issue is:issue is:open", {"Elsewhere"}),
        ("author:chen is:issue", {"Receipt"}),
        ("type:bug", {"Pay by card"}),
        ("type:issue label:ui is:closed", {"Pay by phone"}),
        ("reason:completed", {"Receipt"}),
        ('reason:"not planned"', {"Pay by phone"}),
        ("pay card", {"Pay by card"}),
        ("form is:issue", {"Pay by card", "Form"}),
        ('"by phone"', {"Pay by phone"}),
        ("created:2026-11-23", {"Pay by card", "Pay by phone"}),
        ("created:>2026-11-23 is:pr", {"Add cards", "Add phones"}),
        ("created:2026-11-22..2026-11-23", {"Pay by card", "Pay by phone"}),
        ("updated:>=2026-11-24T10:00:00Z is:issue is:closed", {"Receipt"}),
        ("closed:<2026-11-24", {"Pay by phone"}),
        ("closed:*..2026-11-23", {"Pay by phone"}),
        ("-is:open -is:pr archived:false", {"Pay by phone", "Receipt"}),
    ],
)
def test_a_search_finds_what_its_qualifiers_say(hub: GitHub, repo: Repository, query: str, expected: set[str]) -> None:
    """All of them must hold; several repositories are alternatives."""
    assert titles(hub, query) == expected


def test_results_come_in_the_requested_order(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """The newest first by default, in pages."""
    clock.step(5)
    repo.issues[1].edit(title="Pay by credit card")
    by_change = search(hub, "is:issue repo:acme/checkout", more="&sort=updated&per_page=2")
    assert by_change.json()["items"][0]["number"] == 1
    assert by_change.json()["total_count"] == 4
    assert len(call(hub, page_url(by_change)).json()["items"]) == 2
    oldest = search(hub, "is:issue repo:acme/checkout", more="&sort=created&order=asc").json()["items"]
    assert [item["number"] for item in oldest] == [1, 2, 3, 6]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "x" * 257,
        "colour:red",
        "is:blue",
        "no:colour",
        "label:a OR label:b",
        "(label:a)",
        "created:yesterday",
        "repo:acme/none is:issue",
    ],
)
def test_what_is_not_understood_is_refused(hub: GitHub, repo: Repository, query: str) -> None:
    """It is not ignored; so is an unknown repository."""
    answer = search(hub, query)
    check_answer(answer, SEARCH)
    assert answer.status_code == 422


def test_a_thousand_results_are_the_most(hub: GitHub) -> None:
    """The count has all; the pages end at 1000."""
    hub.repository("checkout").create_issues(1200)
    first = search(hub, "is:issue", more="&per_page=100")
    assert first.json()["total_count"] == 1200
    last = search(hub, "is:issue", more="&per_page=100&page=10")
    assert (len(last.json()["items"]), page_url(last)) == (100, "")
    beyond = search(hub, "is:issue", more="&per_page=100&page=11")
    assert (beyond.status_code, beyond.json()["message"]) == (422, "Only the first 1000 search results are available")
    assert search(hub, "is:issue", more="&sort=comments").status_code == 422


def test_a_search_may_say_that_it_is_incomplete(hub: GitHub, repo: Repository) -> None:
    """As one that took too long."""
    hub.search_is_incomplete = True
    assert search(hub, "is:issue").json()["incomplete_results"] is True


def test_an_app_searches_its_repositories_and_must_name_a_kind(hub: GitHub, repo: Repository) -> None:
    """Without `is:issue` or `is:pull-request` it is refused; other repositories are not there for it."""
    token = create_token(hub.create_app(permissions={"issues": "read"}).install([repo])).json()["token"]
    refused = search(hub, "label:ui", token=token)
    assert (refused.status_code, "must include 'is:issue'" in refused.json()["message"]) == (422, True)
    found = search(hub, "label:ui is:issue", token=token).json()
    assert {item["title"] for item in found["items"]} == {"Pay by card", "Pay by phone"}
    assert search(hub, "repo:acme/payments is:issue", token=token).status_code == 422
    hub.repository("payments").visible = False
    assert "Elsewhere" not in titles(hub, "is:issue")


def test_searches_are_counted_apart(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """Thirty a minute."""
    hub.limits.switch_on()
    path = f"{SEARCH}?q=is:issue"
    assert [call(hub, path).status_code for _ in range(31)] == [200] * 30 + [403]
    assert call(hub, "/user").headers["x-ratelimit-used"] == "1"
    clock.step(60)
    assert call(hub, path).status_code == 200
