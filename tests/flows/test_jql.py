"""Rules with JQL: asked about changed issues on Cloud, listed on both faces, and right whatever the index knows."""

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


def test_what_jql_finds_counts_and_nothing_else_does(harness: JqlHarness) -> None:
    """From the first listing on; what lies outside the watched projects is said."""
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
    """By one call, and by no search."""
    issue = cloud.make()
    cloud.furnish()
    searches, asked = cloud.calls("/search/jql"), cloud.calls("/jql/match")
    assert cloud.linked() == []
    issue.label("checkout")
    cloud.receive_and_drain()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.calls("/search/jql") == searches
    assert cloud.calls("/jql/match") == asked + 1


@pytest.mark.parametrize("data_center", [True])
def test_on_data_center_a_change_hurries_the_listing(harness: JqlHarness) -> None:
    """To once a minute at most, whatever changes."""
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


def test_an_issue_that_ceases_to_match_goes_with_the_next_listing(cloud: JqlHarness) -> None:
    """Which is wanted soon after Jira said so twice."""
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


def test_an_index_that_lags_is_asked_again(cloud: JqlHarness) -> None:
    """It knew of neither change at first, and was wrong both ways."""
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


def test_a_listing_does_not_remove_what_was_just_found(cloud: JqlHarness) -> None:
    """Its index may be another than the one that was asked; it comes again when that can't be any more."""
    issue = cloud.make()
    cloud.furnish()
    issue.label("checkout")
    cloud.receive_and_drain()
    cloud.jira.hide(issue)
    cloud.list_now()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.wait_of(cloud.rows(tables.query_listing)[0]) <= query_members.LAG
    cloud.list_later()
    assert cloud.linked() == []


def test_a_sprint_that_ends_is_followed_though_no_issue_changes(harness: JqlHarness) -> None:
    """By the next listing; and so is one that begins."""
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


def test_time_that_passes_is_followed(harness: JqlHarness) -> None:
    """An issue that nobody touches for a week is one no more; a version that is released makes one."""
    version = harness.shop.version("2.0")
    harness.make().fix_in(version)
    harness.furnish("updated >= -7d", "fixVersion in releasedVersions()")
    assert len(harness.rows(tables.link)) == 1
    harness.clock.step(8 * DAY.total_seconds())
    version.release()
    harness.list_later()
    (link,) = harness.rows(tables.link)
    assert link.key_result_id == harness.rows(tables.key_result)[1].id


def test_a_refused_query_says_why_in_jiras_words_and_stops_no_other(harness: JqlHarness) -> None:
    """Also one that was good, whose members stay."""
    issue = harness.make("Pay", "checkout")
    harness.furnish("labels = checkout AND nothing = 1", LABELLED)
    assert harness.linked() == ["SHOP-1"]
    said = "Jira refuses the query: Field 'nothing' does not exist or you do not have permission to view it."
    assert [row.incomplete_reason for row in harness.rows(tables.query_listing)] == [said, None]
    first, second = harness.rows(tables.key_result)
    assert (first.status, second.status != "partial") == ("partial", True)
    assert said in first.explanation
    assert harness.rows(tables.connection)[0].refused_reason is None
    harness.shop.rename("STORE")
    harness.shop.former_keys.clear()
    harness.shop.name = "Store"
    issue.edit(summary="Pay still")
    harness.list_now()
    said = "Jira refuses the query: The value 'SHOP' does not exist for the field 'project'."
    assert harness.rows(tables.query_listing)[1].incomplete_reason == said
    assert len(harness.linked()) == 1
    with reading(harness.services.engine) as tx:
        assert said in staleness.stale(tx, [second.id])[second.id].reason


def test_a_watched_project_that_is_hidden_lets_go_of_nothing(harness: JqlHarness) -> None:
    """And says so; once it is shown again all is as it was."""
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


def test_what_a_first_import_is_to_bring_is_not_looked_at(harness: JqlHarness) -> None:
    """Each of its issues would be fetched twice. What none brings is looked at."""
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


@pytest.mark.both_databases
def test_a_listing_that_is_killed_goes_on_where_it_was(harness: JqlHarness) -> None:
    """Killed before each of its statements once, it ends as one that was never killed."""
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
