"""Simulated Jira, Cloud and Data Center: fetches and deliveries give the same issue, whichever field has the data."""

from collections.abc import Iterator

import pytest
import responses

import simulator
from connectors.jira import Jira
from simulator import SteppedClock
from simulator.jira import Issue
from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.domain.trackers.merge import merge_snapshot
from sync_service.domain.trackers.observations import FetchNeeded, Observation, Parent, Snapshot
from tests.connectors.jira.fake_http import by


@pytest.fixture
def tracker(clock: SteppedClock, *, data_center: bool) -> Iterator[simulator.Jira]:
    """Yield a simulated Jira of each edition, whose webhook has no receiver."""
    nobody = responses.RequestsMock(assert_all_requests_are_fired=False)
    with nobody, simulator.Jira(clock=clock, background=False, data_center=data_center) as tracker:
        nobody.add_passthru(tracker.url)
        nobody.post("https://nobody.example/hooks/jira", status=202)
        tracker.add_hook(url="https://nobody.example/hooks/jira")
        yield tracker


def last_delivery(tracker: simulator.Jira, jira: Jira) -> tuple[Observation, ...]:
    """Parse the newest delivery."""
    parcel = tracker.deliveries[-1].request
    headers = {name.lower(): value for name, value in parcel.headers.items()}
    return jira.parse_delivery(WebhookRequest(headers, parcel.body), by(tracker)).observations


def fetch_issue(tracker: simulator.Jira, jira: Jira, issue: Issue) -> Snapshot:
    """Fetch an issue."""
    return jira.fetch_issue(by(tracker), identity=issue.id, key=issue.key)


def test_an_epic_is_found_in_each_edition(tracker: simulator.Jira) -> None:
    """In `parent` on Cloud, in Epic Link on Data Center. First by a fetch, then also by deliveries."""
    shop, jira = tracker.project("SHOP"), Jira()
    epic = shop.create_issue("Checkout", type="Epic")
    child = shop.create_issue("Pay", parent=epic, points=3)
    first = last_delivery(tracker, jira)
    assert [type(one) for one in first] == [Snapshot, FetchNeeded]
    seen = fetch_issue(tracker, jira, child)
    assert seen.parent is not None
    assert (seen.parent.key, seen.points) == (epic.key, 3)
    child.set_parent(None)
    (delivery,) = last_delivery(tracker, jira)
    assert isinstance(delivery, Snapshot)
    assert delivery.parent == Parent(None)
    assert fetch_issue(tracker, jira, child).parent == Parent(None)


def test_a_sub_task_has_its_issue_as_parent_in_each_edition(tracker: simulator.Jira) -> None:
    """It has no epic of its own."""
    shop, jira = tracker.project("SHOP"), Jira()
    issue = shop.create_issue("Pay", parent=shop.create_issue("Checkout", type="Epic"))
    sub_task = shop.create_issue("Test it", type="Sub-task", parent=issue)
    seen = fetch_issue(tracker, jira, sub_task)
    assert seen.parent == Parent(issue.key, issue.id)


def test_deliveries_after_a_fetch_equal_the_fetch(tracker: simulator.Jira) -> None:
    """So nothing is in doubt, and no value is lost."""
    shop, jira = tracker.project("SHOP"), Jira()
    issue = shop.create_issue("Pay", labels=["ui"], components=["payments"], points=3)
    fetch_issue(tracker, jira, issue)
    for act in (issue.start, issue.finish, issue.reopen, issue.drop, lambda: issue.set_points(5)):
        act()
        (delivery,) = last_delivery(tracker, jira)
        assert isinstance(delivery, Snapshot)
        fetched = fetch_issue(tracker, jira, issue)
        held = merge_snapshot(None, delivery)
        after = merge_snapshot(held, fetched, fetched=True)
        assert (after.points, after.components, after.state, after.in_doubt) == (
            held.points, held.components, held.state, False,
        )  # fmt: skip
        assert delivery.digest() == fetched.digest()
