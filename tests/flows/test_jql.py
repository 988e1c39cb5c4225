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
from tests.flows.jql_harness import LABELLED, JqlHarness, on_stage

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(services: Services, *, data_center: bool) -> Iterator[JqlHarness]:
    """Set the stage, with either face."""
    with on_stage(services, data_center=data_center) as made:
        yield made


@pytest.fixture
def cloud(services: Services) -> Iterator[JqlHarness]:
    """Set the stage, with the face of Cloud."""
    with on_stage(services, data_center=False) as made:
        yield made


def test_what_jql_finds_counts_and_nothing_else_does(stage: JqlHarness) -> None:
    """From the first listing on; what lies outside the watched projects is said."""
    stage.make("Pay", "checkout").finish()
    stage.make("Pay on", "checkout")
    stage.make("Other")
    stage.attic.create_issue("Old", labels=["checkout"])
    stage.furnish("labels = checkout ORDER BY created DESC")
    assert stage.linked() == ["SHOP-1", "SHOP-2"]
    assert stage.value() == pytest.approx(50)
    assert stage.rows(tables.key_result)[0].status != "partial"
    (row,) = stage.rows(tables.query_listing)
    assert row.outcome == "2 members, 1 outside the watched scopes"


def test_an_issue_that_begins_to_match_is_linked_at_once(cloud: JqlHarness) -> None:
    """By one call, and by no search."""
    issue = cloud.make()
    cloud.furnish()
    searches, asked = cloud.calls("/search/jql"), cloud.calls("/jql/match")
    assert cloud.linked() == []
    issue.label("checkout")
    cloud.tell()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.calls("/search/jql") == searches
    assert cloud.calls("/jql/match") == asked + 1


@pytest.mark.parametrize("data_center", [True])
def test_on_data_center_a_change_hurries_the_listing(stage: JqlHarness) -> None:
    """To once a minute at most, whatever changes."""
    issue = stage.make()
    stage.furnish()
    began = stage.rows(tables.query_listing)[0].began_at
    issue.label("checkout")
    for number in range(3):
        issue.edit(summary=f"Pay {number}")
        stage.tell()
    assert stage.linked() == []
    assert stage.is_listed_soon()
    assert stage.rows(tables.query_listing)[0].due_at >= began + query_listings.SOONEST
    stage.list_now()
    assert stage.linked() == ["SHOP-1"]
    issue.unlabel("checkout")
    stage.tell()
    assert stage.linked() == ["SHOP-1"]
    stage.list_now()
    assert stage.linked() == []


def test_an_issue_that_ceases_to_match_goes_with_the_next_listing(cloud: JqlHarness) -> None:
    """Which is wanted soon after Jira said so twice."""
    issue = cloud.make("Pay", "checkout")
    cloud.furnish()
    issue.unlabel("checkout")
    cloud.tell()
    assert cloud.linked() == ["SHOP-1"]
    assert not cloud.is_listed_soon()
    cloud.ask_once_more()
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
    cloud.tell()
    cloud.list_now()
    assert cloud.linked() == ["SHOP-2"]
    cloud.clock.step(60)
    cloud.ask_once_more()
    assert cloud.linked() == ["SHOP-1", "SHOP-2"]
    cloud.list_now()
    assert cloud.linked() == ["SHOP-1"]


def test_a_listing_does_not_remove_what_was_just_found(cloud: JqlHarness) -> None:
    """Its index may be another than the one that was asked; it comes again when that can't be any more."""
    issue = cloud.make()
    cloud.furnish()
    issue.label("checkout")
    cloud.tell()
    cloud.jira.hide(issue)
    cloud.list_now()
    assert cloud.linked() == ["SHOP-1"]
    assert cloud.wait_of(cloud.rows(tables.query_listing)[0]) <= query_members.LAG
    cloud.list_later()
    assert cloud.linked() == []


def test_a_sprint_that_ends_is_followed_though_no_issue_changes(stage: JqlHarness) -> None:
    """By the next listing; and so is one that begins."""
    sprint = stage.jira.sprint("Sprint 7")
    stage.make().plan_into(sprint)
    stage.furnish("sprint in openSprints()")
    assert stage.linked() == []
    sprint.start()
    stage.list_now()
    assert stage.linked() == ["SHOP-1"]
    sprint.close()
    stage.list_now()
    assert stage.linked() == []


def test_time_that_passes_is_followed(stage: JqlHarness) -> None:
    """An issue that nobody touches for a week is one no more; a version that is released makes one."""
    version = stage.shop.version("2.0")
    stage.make().fix_in(version)
    stage.furnish("updated >= -7d", "fixVersion in releasedVersions()")
    assert len(stage.rows(tables.link)) == 1
    stage.clock.step(8 * DAY.total_seconds())
    version.release()
    stage.list_later()
    (link,) = stage.rows(tables.link)
    assert link.key_result_id == stage.rows(tables.key_result)[1].id


def test_a_refused_query_says_why_in_jiras_words_and_stops_no_other(stage: JqlHarness) -> None:
    """Also one that was good, whose members stay."""
    issue = stage.make("Pay", "checkout")
    stage.furnish("labels = checkout AND nothing = 1", LABELLED)
    assert stage.linked() == ["SHOP-1"]
    said = "Jira refuses the query: Field 'nothing' does not exist or you do not have permission to view it."
    assert [row.incomplete_reason for row in stage.rows(tables.query_listing)] == [said, None]
    first, second = stage.rows(tables.key_result)
    assert (first.status, second.status != "partial") == ("partial", True)
    assert said in first.explanation
    assert stage.rows(tables.connection)[0].refused_reason is None
    stage.shop.rename("STORE")
    stage.shop.former_keys.clear()
    stage.shop.name = "Store"
    issue.edit(summary="Pay still")
    stage.list_now()
    said = "Jira refuses the query: The value 'SHOP' does not exist for the field 'project'."
    assert stage.rows(tables.query_listing)[1].incomplete_reason == said
    assert len(stage.linked()) == 1
    with reading(stage.services.engine) as tx:
        assert said in staleness.stale(tx, [second.id])[second.id].reason


def test_a_watched_project_that_is_hidden_lets_go_of_nothing(stage: JqlHarness) -> None:
    """And says so; once it is shown again all is as it was."""
    stage.make("Pay", "checkout")
    stage.pay.create_issue("Refund", labels=["checkout"])
    stage.furnish("labels = checkout")
    stage.pay.visible = False
    stage.list_now()
    assert stage.linked() == ["PAY-1", "SHOP-1"]
    assert stage.rows(tables.query_listing)[0].incomplete_reason == "Jira does not show PAY"
    stage.pay.visible = True
    stage.list_now()
    assert stage.rows(tables.query_listing)[0].incomplete_reason is None


def test_what_a_first_import_is_to_bring_is_not_looked_at(stage: JqlHarness) -> None:
    """Each of its issues would be fetched twice. What none brings is looked at."""
    stage.shop.create_issues(30, lambda _: BulkIssue(summary="Pay", labels=("checkout",)))
    stage.begin(LABELLED, drained=False)
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.poll).values(due_at=database_now(tx) + DAY))
    stage.drain()
    assert "30 members" in stage.rows(tables.query_listing)[0].outcome
    assert stage.rows(tables.fetch_request) == []
    stage.poll_now()
    stage.list_now()
    assert len(stage.linked()) == 30
    assert stage.rows(tables.fetch_request) == []
    stage.make("Unheard", "checkout")
    stage.list_now()
    assert len(stage.linked()) == 31
    assert len(stage.rows(tables.fetch_request)) == 1


@pytest.mark.both_databases
def test_a_listing_that_is_killed_goes_on_where_it_was(stage: JqlHarness) -> None:
    """Killed before each of its statements once, it ends as one that was never killed."""
    stage.furnish()
    stage.shop.create_issues(120, lambda number: BulkIssue(summary=f"Pay {number}", labels=("checkout",)))
    stage.jira.page_limit = 50
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    deaths = drain_with_crashes(stage.services, tables.query_listing)
    assert deaths > 15
    stage.drain()
    assert len(stage.linked()) == 120
    assert stage.rows(tables.query_listing)[0].incomplete_reason is None
