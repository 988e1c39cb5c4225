"""Members of JQL queries: listed page by page on Cloud and Data Center, even if issues change meanwhile."""

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
    """Return projects as watched scopes."""
    return [ScopeRef(project.id, project.key) for project in projects]


def listed(connection: Connection, query: str, scopes: Sequence[ScopeRef]) -> Iterator[MemberPage]:
    """Return all pages of a listing; an endless one fails."""
    cursor: str | None = None
    for _ in range(50):
        page = Jira().list_members(connection, query=query, scopes=scopes, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError(cursor)


def keys(pages: Sequence[MemberPage]) -> list[str]:
    """Return the keys of all pages, in order."""
    return [key for page in pages for key in page.found.values()]


def test_members_are_listed_in_watched_projects_and_counted_elsewhere(tracker: simulator.Jira) -> None:
    """Ids and keys, in the order of creation. Only a project's key may be known."""
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


def test_many_members_are_listed_page_by_page(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Also if more than a page were created at one time; some of these are listed twice."""
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


def test_a_member_is_listed_although_others_disappear_meanwhile(tracker: simulator.Jira) -> None:
    """Numbered pages would skip it."""
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


def test_if_the_last_issue_of_a_page_was_deleted_the_page_token_is_used(
    tracker: simulator.Jira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time of creation is unknown."""
    shop = tracker.project("SHOP")
    shop.create_issues(5)
    tracker.page_limit = 3
    monkeypatch.setattr(search, "_created", lambda *_: None)
    assert keys(list(listed(by(tracker), "project = SHOP", scopes_of(shop)))) == [f"SHOP-{n}" for n in range(1, 6)]


def test_the_creation_time_of_a_deleted_issue_is_unknown(mock: responses.RequestsMock) -> None:
    """An invalid time is unknown too."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"id": "7", "key": "SHOP-1"}], "nextPageToken": "n"})
    mock.post(f"{CLOUD}/search/approximate-count", json={"count": "many"})
    mock.get(f"{CLOUD}/issue/7", status=404)
    page = Jira().list_members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    assert page.cursor is not None
    assert '"token": "n"' in page.cursor
    assert page.outside == 0


def test_an_expired_page_token_continues_at_the_last_time(clock: SteppedClock) -> None:
    """It is valid for seven days."""
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
    """In Jira's words. The connection is not refused."""
    shop = tracker.project("SHOP")
    with pytest.raises(Rejected, match=r"Jira refuses to list the query: Field 'nothing' does not exist"):
        list(listed(by(tracker), "nothing = 1", scopes_of(shop)))


def test_a_hidden_watched_project_is_reported_and_the_others_are_listed(tracker: simulator.Jira) -> None:
    """Jira refuses a query that names a hidden project. An incomplete listing removes no members."""
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


def test_an_unreadable_listing_is_an_error(mock: responses.RequestsMock) -> None:
    """An issue without an id may be a member. Cloud needs its e-mail address."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"key": "SHOP-1"}], "isLast": True})
    with pytest.raises(Rejected, match="without its id"):
        Jira().list_members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    mock.post(f"{SERVER}/search", status=410)
    with pytest.raises(Refused, match="e-mail address"):
        Jira().list_members(BY_SERVER, query="a = 1", scopes=SCOPES, cursor=None)
    with pytest.raises(Rejected, match="watches no project"):
        Jira().list_members(BY_CLOUD, query="a = 1", scopes=[], cursor=None)
