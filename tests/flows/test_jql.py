"""Rules with JQL: matched on Jira Cloud, listed on Cloud and Data Center, and right despite a lagging index."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.okrs import query_listings, query_members, staleness
from sync_service.store.tables.instant import EPOCH
from tests.flows.harness import drain_with_crashes
from tests.flows.jira_harness import DAY
from tests.flows.jql_harness import LABELLED, JqlHarness, open_jql_harness

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services, *, data_center: bool) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    with open_jql_harness(services, data_center=data_center) as made:
        yield made


@pytest.fixture
def cloud(services: Services) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud."""
    with open_jql_harness(services, data_center=False) as made:
        yield made


def test_exactly_the_results_of_jql_count(harness: JqlHarness) -> None:
    """They count from the first listing; the outcome has those outside the watched projects."""
    harness.make("Pay", "checkout").finish()
    harness.make("Pay on", "checkout")
    harness.make("Other")
    harness.attic.create_issue("Old", labels=["checkout"])
    harness.furnish("labels = checkout ORDER BY created DESC")
    assert harness.linked() == ["SHOP-1", "SHOP-2"]
    assert harness.value() == pytest.approx(50)
    assert harness.rows(tables.key_result)[0].status != "partial"
    (row,) = harness.rows(tables.query_listing)
    assert row.outcome == "2 members, 1 outside the watched scopes"


def test_an_issue_that_begins_to_match_is_linked_at_once(cloud: JqlHarness) -> None:
    """It takes one match call and no search."""
    issue = cloud.make()
    cloud.furnish()
    searches, matches = cloud.calls("/search/jql"), cloud.calls("/jql/match")
    assert cloud.linked() == []
    issue.label("checkout")
    cloud.receive_and_drain()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.calls("/search/jql") == searches
    assert cloud.calls("/jql/match") == matches + 1


@pytest.mark.parametrize("data_center", [True])
def test_on_data_center_a_change_makes_the_listing_due_soon(harness: JqlHarness) -> None:
    """It runs once a minute at most."""
    issue = harness.make()
    harness.furnish()
    began = harness.rows(tables.query_listing)[0].began_at
    issue.label("checkout")
    for number in range(3):
        issue.edit(summary=f"Pay {number}")
        harness.receive_and_drain()
    assert harness.linked() == []
    assert harness.is_listed_soon()
    assert harness.rows(tables.query_listing)[0].due_at >= began + query_listings.SOONEST
    harness.list_now()
    assert harness.linked() == ["SHOP-1"]
    issue.unlabel("checkout")
    harness.receive_and_drain()
    assert harness.linked() == ["SHOP-1"]
    harness.list_now()
    assert harness.linked() == []


def test_an_issue_that_no_longer_matches_is_removed_by_the_next_listing(cloud: JqlHarness) -> None:
    """The listing is due soon after two matches without it."""
    issue = cloud.make("Pay", "checkout")
    cloud.furnish()
    issue.unlabel("checkout")
    cloud.receive_and_drain()
    assert cloud.linked() == ["SHOP-1"]
    assert not cloud.is_listed_soon()
    cloud.match_after_a_minute()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.is_listed_soon()
    cloud.list_now()
    assert cloud.linked() == []


def test_a_lagging_index_is_queried_again(cloud: JqlHarness) -> None:
    """At first it knows neither change, so both results are wrong."""
    begins, ceases = cloud.make(), cloud.make("Pay on", "checkout")
    cloud.furnish()
    cloud.jira.index.lag = timedelta(seconds=45)
    begins.label("checkout")
    ceases.unlabel("checkout")
    cloud.receive_and_drain()
    cloud.list_now()
    assert cloud.linked() == ["SHOP-2"]
    cloud.clock.step(60)
    cloud.match_after_a_minute()
    assert cloud.linked() == ["SHOP-1", "SHOP-2"]
    cloud.list_now()
    assert cloud.linked() == ["SHOP-1"]


def test_a_listing_does_not_remove_a_recent_match(cloud: JqlHarness) -> None:
    """The listing may use an older index; it runs again later."""
    issue = cloud.make()
    cloud.furnish()
    issue.label("checkout")
    cloud.receive_and_drain()
    issue.unlabel("checkout")
    cloud.list_now()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.wait_of(cloud.rows(tables.query_listing)[0]) <= query_members.LAG
    cloud.list_later()
    assert cloud.linked() == []


def test_a_closed_sprint_is_found_without_a_change_of_an_issue(harness: JqlHarness) -> None:
    """The next listing finds it, as it finds a started one."""
    sprint = harness.jira.sprint("Sprint 7")
    harness.make().plan_into(sprint)
    harness.furnish("sprint in openSprints()")
    assert harness.linked() == []
    sprint.start()
    harness.list_now()
    assert harness.linked() == ["SHOP-1"]
    sprint.close()
    harness.list_now()
    assert harness.linked() == []


def test_queries_about_time_are_listed_again(harness: JqlHarness) -> None:
    """An issue without changes for a week stops matching; a released version starts matching."""
    version = harness.shop.version("2.0")
    harness.make().fix_in(version)
    harness.furnish("updated >= -7d", "fixVersion in releasedVersions()")
    assert len(harness.rows(tables.link)) == 1
    harness.clock.step(8 * DAY.total_seconds())
    version.release()
    harness.list_later()
    (link,) = harness.rows(tables.link)
    assert link.key_result_id == harness.rows(tables.key_result)[1].id


def test_a_refused_query_has_jiras_reason_and_stops_no_other(harness: JqlHarness) -> None:
    """A query that worked before keeps its members."""
    issue = harness.make("Pay", "checkout")
    harness.furnish("labels = checkout AND nothing = 1", LABELLED)
    assert harness.linked() == ["SHOP-1"]
    reason = "Jira refuses the query: Field 'nothing' does not exist or you do not have permission to view it."
    assert [row.incomplete_reason for row in harness.rows(tables.query_listing)] == [reason, None]
    first, second = harness.rows(tables.key_result)
    assert (first.status, second.status != "partial") == ("partial", True)
    assert reason in first.explanation
    assert harness.rows(tables.connection)[0].refused_reason is None
    harness.shop.rename("STORE")
    harness.shop.former_keys.clear()
    harness.shop.name = "Store"
    issue.edit(summary="Pay still")
    harness.list_now()
    reason = "Jira refuses the query: The value 'SHOP' does not exist for the field 'project'."
    assert harness.rows(tables.query_listing)[1].incomplete_reason == reason
    assert len(harness.linked()) == 1
    with reading(harness.services.engine) as tx:
        assert reason in staleness.stale(tx, [second.id])[second.id].reason


def test_a_hidden_project_removes_no_member(harness: JqlHarness) -> None:
    """The reason is shown, and goes when the project is visible again."""
    harness.make("Pay", "checkout")
    harness.pay.create_issue("Refund", labels=["checkout"])
    harness.furnish("labels = checkout")
    harness.pay.visible = False
    harness.list_now()
    assert harness.linked() == ["PAY-1", "SHOP-1"]
    assert harness.rows(tables.query_listing)[0].incomplete_reason == "Jira does not show PAY"
    harness.pay.visible = True
    harness.list_now()
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None


def test_issues_of_a_running_first_import_are_not_fetched(harness: JqlHarness) -> None:
    """Each would be fetched twice. Issues that no import brings are fetched."""
    harness.shop.create_issues(30, lambda _: BulkIssue(summary="Pay", labels=("checkout",)))
    harness.begin(LABELLED, drained=False)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.poll).values(due_at=database_now(tx) + DAY))
    harness.drain()
    assert "30 members" in harness.rows(tables.query_listing)[0].outcome
    assert harness.rows(tables.fetch_request) == []
    harness.poll_now()
    harness.list_now()
    assert len(harness.linked()) == 30
    assert harness.rows(tables.fetch_request) == []
    harness.make("Unheard", "checkout")
    harness.list_now()
    assert len(harness.linked()) == 31
    assert len(harness.rows(tables.fetch_request)) == 1


@pytest.mark.only_in_test_all(data_center=True)
def test_a_killed_listing_continues_at_its_cursor(harness: JqlHarness) -> None:
    """It is killed before each of its statements once, and ends as one without a crash."""
    harness.furnish()
    harness.shop.create_issues(120, lambda number: BulkIssue(summary=f"Pay {number}", labels=("checkout",)))
    harness.jira.page_limit = 50
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    crashes = drain_with_crashes(harness.services, tables.query_listing)
    assert crashes > 15
    harness.drain()
    assert len(harness.linked()) == 120
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None
