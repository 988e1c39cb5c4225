"""List the changes of a Jira project, and fetch many issues, on Cloud and on Data Center."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import simulator
from connectors.jira import Jira
from simulator import SteppedClock
from simulator.jira import Atlassian
from simulator.jira.model.bulk_issues import BulkIssue
from simulator.jira.model.issue import IssueProject
from sync_service.domain.trackers.capabilities import BatchFetch, ChangesRequest, HasBuckets, ListsChanges, Page
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef, ScopeSeen, Snapshot
from tests.connectors.jira.fake_http import LONG_AGO, by, keys
from tests.connectors.jira.payloads import SITE, connection


@pytest.fixture
def cloud(clock: SteppedClock) -> Iterator[simulator.Jira]:
    """Yield a simulated Jira Cloud."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        yield tracker


def request_for(project: IssueProject, *, known: bool = True, since: datetime | None = None) -> ChangesRequest:
    """Return the request for the changes of a project."""
    return ChangesRequest(name=project.key, id=project.id if known else None, since=since)


def pages(tracker: simulator.Jira, request: ChangesRequest, **options: str) -> Iterator[Page]:
    """Yield all pages of a list; an endless list fails."""
    cursor: str | None = None
    jira = Jira()
    for _ in range(100):
        page = jira.list_changes(by(tracker, **options), asked=request, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    pytest.fail("the list does not end")


def test_the_connector_has_these_capabilities() -> None:
    """So the core uses them."""
    assert isinstance(Jira(), ListsChanges)
    assert isinstance(Jira(), BatchFetch)
    assert isinstance(Jira(), HasBuckets)
    assert Jira().bucket_for(connection("token"), about="10000") == "reading"


def test_everything_is_listed_once_oldest_change_first(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """With the project's name, the number of issues and the newest time."""
    shop = tracker.project("SHOP")
    shop.create_issues(250)
    tracker.project("PAY").create_issue("Not ours")
    clock.step(600)
    found = list(pages(tracker, request_for(shop, known=False)))
    assert keys(found) == [f"SHOP-{number}" for number in range(1, 251)]
    assert found[0].observations[0] == ScopeSeen(scope=ScopeRef(shop.id, "SHOP"), returned=True)
    assert found[0].expected == 250
    assert [page.expected for page in found[1:]] == [None, None]
    assert found[-1].newest == datetime(2026, 11, 23, 9, 59, 59, tzinfo=UTC)
    assert len(tracker.rest.calls) == 6, "three pages, the project, its count, and the fields of the site"


def test_a_list_gives_the_same_as_a_fetch(tracker: simulator.Jira) -> None:
    """So neither looks like a change of the other."""
    made = tracker.project("SHOP").create_issue("Pay", labels=["ui"], assignee="bruno", points=3)
    made.finish()
    for options in ({}, {"points_field": "customfield_10016"}, {"points_field": "story points"}):
        jira, connected = Jira(), by(tracker, **options)
        (_, listed) = jira.list_changes(connected, asked=request_for(made.project), cursor=None).observations
        fetched = jira.fetch_issue(connected, identity=made.id, key=made.key)
        assert listed == fetched
        assert jira.fetch_issues(connected, wanted={made.id: made.key}) == {made.id: fetched}
        assert isinstance(listed, Snapshot)
        assert listed.points == 3, "which of the fields holds them is found without being told, too"


def test_only_changes_since_the_cursor_are_listed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """To the millisecond, including that time. There is no count."""
    shop = tracker.project("SHOP")
    shop.create_issue("Old")
    clock.step(0.002)
    since = clock()
    shop.create_issue("Then")
    clock.step(600)
    shop.create_issue("New")
    (page,) = pages(tracker, request_for(shop, since=since))
    assert keys([page]) == ["SHOP-2", "SHOP-3"]
    assert page.expected is None


@pytest.mark.slow
def test_many_changes_of_the_same_time_are_all_listed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """If the time does not advance, the next page of it is requested."""
    shop = tracker.project("SHOP")
    shop.create_issues(350, lambda number: BulkIssue(summary=f"Step {number}", updated=LONG_AGO))
    shop.create_issues(50)
    clock.step(600)
    found = list(pages(tracker, request_for(shop)))
    assert sorted(set(keys(found))) == sorted(f"SHOP-{number}" for number in range(1, 401))
    assert len(keys(found)) <= 500


def test_changes_between_two_pages_are_not_missed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """A changed issue moves to the end and pulls no other issue over the page border."""
    shop = tracker.project("SHOP")
    shop.create_issues(300)
    clock.step(600)
    seen: list[Page] = []
    for number, page in enumerate(pages(tracker, request_for(shop))):
        seen.append(page)
        for touched in range(number * 7 + 1, number * 7 + 8):
            clock.step(1)
            found = tracker.find(f"SHOP-{touched}")
            assert found is not None
            found.edit(summary="Changed")
    assert {f"SHOP-{number}" for number in range(1, 301)} == set(keys(seen))
    titles = {one.key: one.title for page in seen for one in page.observations if isinstance(one, Snapshot)}
    assert sum(title == "Changed" for title in titles.values()) >= 14


def test_a_short_page_is_not_the_end(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Jira sends fewer issues than requested if they have many fields."""
    shop = tracker.project("SHOP")
    shop.create_issues(40)
    clock.step(600)
    tracker.page_limit = 7
    assert len(set(keys(list(pages(tracker, request_for(shop)))))) == 40


def test_an_expired_page_token_continues_at_the_last_change(cloud: simulator.Jira, clock: SteppedClock) -> None:
    """A run may pause for a week."""
    shop = cloud.project("SHOP")
    shop.create_issues(150, lambda number: BulkIssue(summary=f"Step {number}", updated=LONG_AGO))
    clock.step(600)
    jira, connected, request = Jira(), by(cloud), request_for(shop, since=LONG_AGO)
    first = jira.list_changes(connected, asked=request, cursor=None)
    assert first.cursor is not None
    assert json.loads(first.cursor)["token"]
    clock.step(timedelta(days=8).total_seconds())
    again = jira.list_changes(connected, asked=request, cursor=first.cursor)
    assert again.cursor is not None
    last = jira.list_changes(connected, asked=request, cursor=again.cursor)
    assert len(set(keys([first, again, last]))) == 150
    assert last.cursor is None


def test_a_lagging_search_hides_no_issue(cloud: simulator.Jira, clock: SteppedClock) -> None:
    """It may show a changed issue at its old position, which is not the page border."""
    shop = cloud.project("SHOP")
    shop.create_issues(250)
    clock.step(86_400)
    cloud.index.lag, cloud.index.shows_old_fields = timedelta(minutes=2), False
    for number in (50, 100, 199):
        found = cloud.find(f"SHOP-{number}")
        assert found is not None
        found.edit(summary="Just now")
    shown = list(pages(cloud, request_for(shop)))
    assert {f"SHOP-{number}" for number in range(1, 251)} == set(keys(shown))
    newest = max(page.newest for page in shown if page.newest)
    assert newest < clock() - timedelta(minutes=5), "so that the next run asks again for what may have been late"


def test_recent_changes_are_requested_again(cloud: simulator.Jira) -> None:
    """No issue is old enough to trust, so the run keeps the page token and no newest time."""
    shop = cloud.project("SHOP")
    for number in range(120):
        shop.create_issue(f"Step {number}")
    found = list(pages(cloud, request_for(shop)))
    assert len(keys(found)) == 120
    assert [page.newest for page in found] == [None, None]


def test_a_project_with_another_key_says_so(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """All its issues have other keys without a change of their times, so the core changes the keys."""
    shop = tracker.project("SHOP")
    shop.create_issue("Old")
    clock.step(600)
    request = request_for(shop, since=clock())
    shop.rename("STORE")
    (page,) = pages(tracker, request)
    assert page.observations == (ScopeSeen(scope=ScopeRef(shop.id, "STORE"), was="SHOP", returned=True),)
    assert keys(list(pages(tracker, request_for(shop)))) == ["STORE-1"]


def test_a_project_that_can_not_be_seen_is_gone(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """At the start or in the middle of a list. Nothing proves a deletion."""
    shop = tracker.project("SHOP")
    shop.create_issues(150)
    clock.step(600)
    jira, connected, request = Jira(), by(tracker), request_for(shop)
    first = jira.list_changes(connected, asked=request, cursor=None)
    shop.visible = False
    for cursor in (None, first.cursor):
        with pytest.raises(Gone) as caught:
            jira.list_changes(connected, asked=request, cursor=cursor)
        assert not caught.value.proven


def test_calls_use_the_gateway_and_links_use_the_site(cloud: simulator.Jira) -> None:
    """Scoped tokens need the gateway. Links use the configured site, whatever a response says."""
    made = cloud.project("SHOP").create_issue("Pay")
    with Atlassian({"a1b2": cloud}) as gateway:
        options = {"email": cloud.email, "api_site": f"{gateway.url}/ex/jira/a1b2/"}
        connected = Connection(slug="acme", site=SITE, token=cloud.token, options=options)
        (_, listed) = Jira().list_changes(connected, asked=request_for(made.project), cursor=None).observations
        assert isinstance(listed, Snapshot)
        assert listed.url == f"{SITE}/browse/SHOP-1"
        assert {call.status for call in gateway.rest.calls} == {200}
        with pytest.raises(Refused):
            Jira().fetch_issue(replace(connected, token="another"), identity=made.id, key=made.key)


def test_many_issues_are_fetched_with_one_call(tracker: simulator.Jira) -> None:
    """Deleted and hidden ones look the same, and are never called deleted."""
    shop, attic = tracker.project("SHOP"), tracker.project("ATTIC")
    issues = [shop.create_issue(f"Pay {number}") for number in range(100)]
    keys_by_id = {one.id: one.key for one in issues}
    issues[0].move(attic)
    issues[1].delete()
    tracker.hide(issues[2])
    seen = Jira().fetch_issues(by(tracker), wanted=keys_by_id)
    assert len(tracker.rest.calls) == 2, "the issues, and before them the fields of the site"
    moved = seen[issues[0].id]
    assert isinstance(moved, Snapshot)
    assert (moved.key, moved.scope) == ("ATTIC-1", ScopeRef(attic.id, "ATTIC"))
    for one in issues[1:3]:
        found = seen.get(one.id)
        assert found is None if tracker.data_center else isinstance(found, Gone) and not found.proven
    assert sum(isinstance(one, Snapshot) for one in seen.values()) == 98


def test_issues_without_a_result_are_left_to_single_fetches(cloud: simulator.Jira) -> None:
    """An issue with an error is fetched again; an invalid identity never is."""
    made = cloud.project("SHOP").create_issue("Pay")
    cloud.failing_ids.add(made.id)
    seen = Jira().fetch_issues(by(cloud), wanted={made.id: made.key, "SHOP-2": "SHOP-2"})
    assert set(seen) == {"SHOP-2"}
    assert isinstance(seen["SHOP-2"], Rejected)
    calls_before = len(cloud.rest.calls)
    assert set(Jira().fetch_issues(by(cloud), wanted={"1/../2": "SHOP-2"})) == {"1/../2"}
    assert len(cloud.rest.calls) == calls_before
