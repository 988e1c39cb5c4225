"""Listing what changed in a Jira project, and looking at many issues at once, on Cloud and on Data Center."""

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
    """Give a simulated Jira Cloud."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        yield tracker


def asked_of(project: IssueProject, *, known: bool = True, since: datetime | None = None) -> ChangesRequest:
    """Ask for the changes of a project."""
    return ChangesRequest(name=project.key, id=project.id if known else None, since=since)


def pages(tracker: simulator.Jira, asked: ChangesRequest, **options: str) -> Iterator[Page]:
    """Go through a whole list; a list that does not end fails."""
    cursor: str | None = None
    jira = Jira()
    for _ in range(100):
        page = jira.list_changes(by(tracker, **options), asked=asked, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    pytest.fail("the list does not end")


def test_the_connector_has_these_abilities() -> None:
    """So that the core makes use of them."""
    assert isinstance(Jira(), ListsChanges)
    assert isinstance(Jira(), BatchFetch)
    assert isinstance(Jira(), HasBuckets)
    assert Jira().bucket_for(connection("token"), about="10000") == "reading"


def test_everything_is_listed_once_oldest_change_first(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """With the project as it is called, how many issues there are, and the newest time."""
    shop = tracker.project("SHOP")
    shop.create_issues(250)
    tracker.project("PAY").create_issue("Not ours")
    clock.step(600)
    found = list(pages(tracker, asked_of(shop, known=False)))
    assert keys(found) == [f"SHOP-{number}" for number in range(1, 251)]
    assert found[0].observations[0] == ScopeSeen(scope=ScopeRef(shop.id, "SHOP"), returned=True)
    assert found[0].expected == 250
    assert [page.expected for page in found[1:]] == [None, None]
    assert found[-1].newest == datetime(2026, 11, 23, 9, 59, 59, tzinfo=UTC)
    assert len(tracker.rest.calls) == 6, "three pages, the project, its count, and the fields of the site"


def test_a_list_says_the_same_as_a_look(tracker: simulator.Jira) -> None:
    """So that neither seems to change the other."""
    made = tracker.project("SHOP").create_issue("Pay", labels=["ui"], assignee="bruno", points=3)
    made.finish()
    for options in ({}, {"points_field": "customfield_10016"}, {"points_field": "story points"}):
        jira, connected = Jira(), by(tracker, **options)
        (_, listed) = jira.list_changes(connected, asked=asked_of(made.project), cursor=None).observations
        fetched = jira.fetch_issue(connected, identity=made.id, key=made.key)
        assert listed == fetched
        assert jira.fetch_issues(connected, wanted={made.id: made.key}) == {made.id: fetched}
        assert isinstance(listed, Snapshot)
        assert listed.points == 3, "which of the fields holds them is found without being told, too"


def test_only_what_changed_since_is_listed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """To the millisecond, and the moment itself with it; nobody counts how many there are."""
    shop = tracker.project("SHOP")
    shop.create_issue("Old")
    clock.step(0.002)
    since = clock()
    shop.create_issue("Then")
    clock.step(600)
    shop.create_issue("New")
    (page,) = pages(tracker, asked_of(shop, since=since))
    assert keys([page]) == ["SHOP-2", "SHOP-3"]
    assert page.expected is None


def test_many_changes_of_one_and_the_same_moment_are_all_listed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Where the time leads no further, the page after it is asked for."""
    shop = tracker.project("SHOP")
    shop.create_issues(350, lambda number: BulkIssue(summary=f"Step {number}", updated=LONG_AGO))
    shop.create_issues(50)
    clock.step(600)
    found = list(pages(tracker, asked_of(shop)))
    assert sorted(set(keys(found))) == sorted(f"SHOP-{number}" for number in range(1, 401))
    assert len(keys(found)) <= 500


def test_changes_between_two_pages_are_not_missed(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """What changes moves to the end, and draws nothing over the border of a page."""
    shop = tracker.project("SHOP")
    shop.create_issues(300)
    clock.step(600)
    seen: list[Page] = []
    for number, page in enumerate(pages(tracker, asked_of(shop))):
        seen.append(page)
        for touched in range(number * 7 + 1, number * 7 + 8):
            clock.step(1)
            found = tracker.find(f"SHOP-{touched}")
            assert found is not None
            found.edit(summary="Changed")
    assert {f"SHOP-{number}" for number in range(1, 301)} == set(keys(seen))
    titles = {one.key: one.title for page in seen for one in page.observations if isinstance(one, Snapshot)}
    assert sum(title == "Changed" for title in titles.values()) >= 14


def test_short_pages_are_no_end(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Jira gives fewer than asked for where fields are many."""
    shop = tracker.project("SHOP")
    shop.create_issues(40)
    clock.step(600)
    tracker.page_limit = 7
    assert len(set(keys(list(pages(tracker, asked_of(shop)))))) == 40


def test_a_token_that_expired_begins_again_at_the_last_change(cloud: simulator.Jira, clock: SteppedClock) -> None:
    """A run may rest for a week."""
    shop = cloud.project("SHOP")
    shop.create_issues(150, lambda number: BulkIssue(summary=f"Step {number}", updated=LONG_AGO))
    clock.step(600)
    jira, connected, asked = Jira(), by(cloud), asked_of(shop, since=LONG_AGO)
    first = jira.list_changes(connected, asked=asked, cursor=None)
    assert first.cursor is not None
    assert json.loads(first.cursor)["token"]
    clock.step(timedelta(days=8).total_seconds())
    again = jira.list_changes(connected, asked=asked, cursor=first.cursor)
    assert again.cursor is not None
    last = jira.list_changes(connected, asked=asked, cursor=again.cursor)
    assert len(set(keys([first, again, last]))) == 150
    assert last.cursor is None


def test_an_issue_shown_out_of_its_place_draws_nothing_past(cloud: simulator.Jira, clock: SteppedClock) -> None:
    """A search that lags shows what was changed just now where it was before; that is not where the page ends."""
    shop = cloud.project("SHOP")
    shop.create_issues(250)
    clock.step(86_400)
    cloud.index.lag, cloud.index.shows_old_fields = timedelta(minutes=2), False
    for number in (50, 100, 199):
        found = cloud.find(f"SHOP-{number}")
        assert found is not None
        found.edit(summary="Just now")
    shown = list(pages(cloud, asked_of(shop)))
    assert {f"SHOP-{number}" for number in range(1, 251)} == set(keys(shown))
    newest = max(page.newest for page in shown if page.newest)
    assert newest < clock() - timedelta(minutes=5), "so that the next run asks again for what may have been late"


def test_what_changed_just_now_is_asked_for_again(cloud: simulator.Jira) -> None:
    """Nothing is old enough to be trusted, so the run has no newest change, and goes on by token."""
    shop = cloud.project("SHOP")
    for number in range(120):
        shop.create_issue(f"Step {number}")
    found = list(pages(cloud, asked_of(shop)))
    assert len(keys(found)) == 120
    assert [page.newest for page in found] == [None, None]


def test_a_project_with_another_key_says_so(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Its issues have other keys, and no time of change tells of them: the core gives them."""
    shop = tracker.project("SHOP")
    shop.create_issue("Old")
    clock.step(600)
    asked = asked_of(shop, since=clock())
    shop.rename("STORE")
    (page,) = pages(tracker, asked)
    assert page.observations == (ScopeSeen(scope=ScopeRef(shop.id, "STORE"), was="SHOP", returned=True),)
    assert keys(list(pages(tracker, asked_of(shop)))) == ["STORE-1"]


def test_a_project_that_can_not_be_seen_is_gone(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """At once, or in the middle of a list; nothing proves that it was deleted."""
    shop = tracker.project("SHOP")
    shop.create_issues(150)
    clock.step(600)
    jira, connected, asked = Jira(), by(tracker), asked_of(shop)
    first = jira.list_changes(connected, asked=asked, cursor=None)
    shop.visible = False
    for cursor in (None, first.cursor):
        with pytest.raises(Gone) as caught:
            jira.list_changes(connected, asked=asked, cursor=cursor)
        assert not caught.value.proven


def test_calls_go_where_a_scoped_token_is_good_and_links_to_the_site(cloud: simulator.Jira) -> None:
    """Issues are opened at the site that was configured, whatever answers say."""
    made = cloud.project("SHOP").create_issue("Pay")
    with Atlassian({"a1b2": cloud}) as gateway:
        options = {"email": cloud.email, "api_site": f"{gateway.url}/ex/jira/a1b2/"}
        connected = Connection(slug="acme", site=SITE, token=cloud.token, options=options)
        (_, listed) = Jira().list_changes(connected, asked=asked_of(made.project), cursor=None).observations
        assert isinstance(listed, Snapshot)
        assert listed.url == f"{SITE}/browse/SHOP-1"
        assert {call.status for call in gateway.rest.calls} == {200}
        with pytest.raises(Refused):
            Jira().fetch_issue(replace(connected, token="another"), identity=made.id, key=made.key)


def test_many_looks_are_one_call(tracker: simulator.Jira) -> None:
    """Deleted and hidden ones can't be told apart, and are never called deleted."""
    shop, attic = tracker.project("SHOP"), tracker.project("ATTIC")
    issues = [shop.create_issue(f"Pay {number}") for number in range(100)]
    wanted = {one.id: one.key for one in issues}
    issues[0].move(attic)
    issues[1].delete()
    tracker.hide(issues[2])
    seen = Jira().fetch_issues(by(tracker), wanted=wanted)
    assert len(tracker.rest.calls) == 2, "the issues, and before them the fields of the site"
    moved = seen[issues[0].id]
    assert isinstance(moved, Snapshot)
    assert (moved.key, moved.scope) == ("ATTIC-1", ScopeRef(attic.id, "ATTIC"))
    for one in issues[1:3]:
        found = seen.get(one.id)
        assert found is None if tracker.data_center else isinstance(found, Gone) and not found.proven
    assert sum(isinstance(one, Snapshot) for one in seen.values()) == 98


def test_what_one_call_leaves_open_is_left_to_a_look(cloud: simulator.Jira) -> None:
    """An issue with an error of its own is to be asked for again; an identity that is none never will."""
    made = cloud.project("SHOP").create_issue("Pay")
    cloud.failing_ids.add(made.id)
    seen = Jira().fetch_issues(by(cloud), wanted={made.id: made.key, "SHOP-2": "SHOP-2"})
    assert set(seen) == {"SHOP-2"}
    assert isinstance(seen["SHOP-2"], Rejected)
    calls_before = len(cloud.rest.calls)
    assert set(Jira().fetch_issues(by(cloud), wanted={"1/../2": "SHOP-2"})) == {"1/../2"}
    assert len(cloud.rest.calls) == calls_before
