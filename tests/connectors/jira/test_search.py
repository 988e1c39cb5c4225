"""Members of JQL are listed page by page, on both faces of Jira, and whatever happens meanwhile."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import responses

import simulator
from connectors.jira import Jira
from connectors.jira.query import search
from simulator import SteppedClock
from simulator.jira import Project
from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.domain.trackers.connector import Connection, Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import MemberPage
from tests.connectors.jira.fake_http import BY_CLOUD, BY_SERVER, CLOUD, SERVER, by

SCOPES = [ScopeRef("10100", "SHOP"), ScopeRef("", "PAY")]


def scopes_of(*projects: Project) -> list[ScopeRef]:
    """Give projects as watched."""
    return [ScopeRef(project.id, project.key) for project in projects]


def listed(connection: Connection, query: str, scopes: Sequence[ScopeRef]) -> Iterator[MemberPage]:
    """Go through a whole listing; one that does not end fails."""
    cursor: str | None = None
    for _ in range(50):
        page = Jira().list_members(connection, query=query, scopes=scopes, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError(cursor)


def keys(pages: Sequence[MemberPage]) -> list[str]:
    """Give the keys of all pages, in order."""
    return [key for page in pages for key in page.found.values()]


def test_members_are_listed_in_watched_projects_and_counted_elsewhere(tracker: simulator.Jira) -> None:
    """Ids and keys, in the order of creation, of which a project's key may be all that is known."""
    shop, pay, attic = (tracker.project(key) for key in ("SHOP", "PAY", "ATTIC"))
    for project in (pay, shop, attic, shop):
        project.create_issue("Pay", labels=["pay"])
    shop.create_issue("Other")
    query = "labels = pay OR labels = late ORDER BY key DESC"
    (page,) = listed(by(tracker), query, [ScopeRef(shop.id, "OLD"), ScopeRef("", "PAY")])
    assert sorted(page.found.values()) == ["PAY-1", "SHOP-1", "SHOP-2"]
    assert {tracker.issues[identity].key for identity in page.found} == set(page.found.values())
    assert (page.outside, page.incomplete_reason, page.observations) == (1, None, ())
    assert len(tracker.rest.calls) == 2


def test_many_members_come_page_by_page(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Also where more than a page were created at one moment; of these some are shown twice."""
    shop = tracker.project("SHOP")
    shop.create_issues(7, every=timedelta(seconds=1))
    for number in range(5):
        shop.create_issue(f"At once {number}")
    clock.step(1)
    shop.create_issue("Last")
    tracker.page_limit = 3
    pages = list(listed(by(tracker), "project = SHOP", scopes_of(shop)))
    assert set(keys(pages)) == {f"SHOP-{number}" for number in range(1, 14)}
    assert keys(pages[:2]) == [f"SHOP-{number}" for number in range(1, 6)]


def test_a_member_is_seen_though_others_cease_to_be_found_meanwhile(tracker: simulator.Jira) -> None:
    """They would draw it over the border of numbered pages."""
    shop = tracker.project("SHOP")
    shop.create_issues(9, lambda number: BulkIssue(summary=f"{number}", labels=("pay",)))
    tracker.page_limit = 3
    pages = []
    for page in listed(by(tracker), "labels = pay", scopes_of(shop)):
        pages.append(page)
        for number in (1, 2):
            issue = tracker.find(f"SHOP-{number}")
            assert issue is not None
            issue.unlabel("pay")
    assert {f"SHOP-{number}" for number in range(3, 10)} <= set(keys(pages))


def test_where_the_last_of_a_page_was_deleted_the_tracker_says_how_to_go_on(
    tracker: simulator.Jira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows when it was created."""
    shop = tracker.project("SHOP")
    shop.create_issues(5)
    tracker.page_limit = 3
    monkeypatch.setattr(search, "_created", lambda *_: None)
    assert keys(list(listed(by(tracker), "project = SHOP", scopes_of(shop)))) == [f"SHOP-{n}" for n in range(1, 6)]


def test_the_creation_of_a_deleted_issue_is_not_known(mock: responses.RequestsMock) -> None:
    """Nor one that is no time."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"id": "7", "key": "SHOP-1"}], "nextPageToken": "n"})
    mock.post(f"{CLOUD}/search/approximate-count", json={"count": "many"})
    mock.get(f"{CLOUD}/issue/7", status=404)
    page = Jira().list_members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    assert page.cursor is not None
    assert '"token": "n"' in page.cursor
    assert page.outside == 0


def test_a_token_that_has_expired_begins_again_at_the_last_border(clock: SteppedClock) -> None:
    """It lives for seven days."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        shop = tracker.project("SHOP")
        for number in range(5):
            shop.create_issue(f"At once {number}")
        tracker.page_limit = 4
        first = Jira().list_members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=None)
        assert first.cursor is not None
        again = Jira().list_members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=first.cursor)
        assert again.cursor is not None
        assert '"token": "' in again.cursor
        clock.step(8 * 86_400)
        found = Jira().list_members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=again.cursor)
        assert len(found.found) == 4


def test_a_query_that_jira_refuses_to_list_says_why(tracker: simulator.Jira) -> None:
    """In its words, and refuses not the connection."""
    shop = tracker.project("SHOP")
    with pytest.raises(Rejected, match=r"Jira refuses to list the query: Field 'nothing' does not exist"):
        list(listed(by(tracker), "nothing = 1", scopes_of(shop)))


def test_a_watched_project_that_is_hidden_is_said_and_the_others_are_listed(tracker: simulator.Jira) -> None:
    """Jira refuses a query that names one; and what is said to lack removes nothing."""
    shop, pay = tracker.project("SHOP"), tracker.project("PAY")
    shop.create_issues(5)
    pay.create_issue("Refund")
    pay.visible = False
    tracker.page_limit = 3
    scopes = [*scopes_of(shop, pay), ScopeRef("", "SOME ONE/../")]
    pages = list(listed(by(tracker), "updated >= -7d", scopes))
    assert len(keys(pages)) == 5
    assert {page.incomplete_reason for page in pages} == {"Jira does not show PAY, SOME ONE/../"}
    shop.visible = False
    with pytest.raises(Rejected, match="watches no project that Jira shows"):
        list(listed(by(tracker), "updated >= -7d", scopes))


def test_a_list_that_can_not_be_read_is_no_list(mock: responses.RequestsMock) -> None:
    """An issue without its id may be a member; and Cloud needs its e-mail address."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"key": "SHOP-1"}], "isLast": True})
    with pytest.raises(Rejected, match="without its id"):
        Jira().list_members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    mock.post(f"{SERVER}/search", status=410)
    with pytest.raises(Refused, match="e-mail address"):
        Jira().list_members(BY_SERVER, query="a = 1", scopes=SCOPES, cursor=None)
    with pytest.raises(Rejected, match="watches no project"):
        Jira().list_members(BY_CLOUD, query="a = 1", scopes=[], cursor=None)
