"""Lists of both trackers that do not end: they are given up, said, tried again, and delay no delivery."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from simulator import GitHub, Jira, SteppedClock
from simulator.endless_lists import EndlessList
from sync_service.domain import listing
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.tables.instant import EPOCH
from sync_service.store.views.connections import connection_pages
from sync_service.store.views.diagnostics import diagnostics_of
from sync_service.tracker_sync import list_query_members, poll_scopes
from tests.flows.harness import GitHubHarness, ServicesHarness, clock_of
from tests.flows.jira_harness import DAY, JiraHarness, labelled
from tests.support.config_file import LABELLED, github, jira, okrs

ISSUES = 110
"""Two pages of each tracker."""

MOST_CALLS = 30
"""Calls for the poll of a scope and the listing of a query together, when the list does not end."""


@pytest.fixture
def jira_harness(services: Services, *, data_center: bool) -> Iterator[JiraHarness]:
    """Yield a Jira whose issues take two pages, and a rule with a query."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        harness = JiraHarness(services, site, clock)
        harness.shop.create_issues(ISSUES, labelled)
        query = {"slug": "asked", "connection": "jira", "key_result": "KR-1", "query": "labels = checkout"}
        seen = {"slug": "seen", "connection": "jira", "key_result": "KR-1", "when": LABELLED}
        harness.apply(okrs(jira(site, earlier="import"), rules=[query, seen]))
        yield harness


@pytest.fixture
def github_harness(services: Services, hub: GitHub, clock: SteppedClock) -> GitHubHarness:
    """Return a GitHub whose issues take two pages, and a rule with a query."""
    harness = GitHubHarness(services, hub, clock)
    harness.open_issues(ISSUES, apart=1)
    query = {
        "slug": "asked",
        "connection": "gh",
        "key_result": "KR-1",
        "query": "repo:acme/checkout is:issue label:checkout",
    }
    harness.apply(okrs(github(hub, earlier="import"), rules=[query]))
    return harness


def reasons(harness: ServicesHarness) -> tuple[str | None, str | None]:
    """Return why the last poll and the last listing of a query did not come to their end."""
    return harness.rows(tables.poll)[0].stopped_reason, harness.rows(tables.query_listing)[0].incomplete_reason


def check_that_it_is_said(harness: ServicesHarness, slug: str) -> None:
    """Check what `doctor` and the connection's page read, and that the next run waits."""
    poll, query = reasons(harness)
    assert poll
    assert query
    with reading(harness.services.engine) as tx:
        (page,) = connection_pages(tx, slug=slug)
        found = diagnostics_of(tx, slug)
    assert [one.stopped for one in page.stopped] == [poll]
    assert page.incomplete == (("query of rule asked", query),)
    assert found is not None
    assert ([one.stopped for one in found.scopes], found.incomplete) == ([poll], page.incomplete)
    assert harness.wait_of(harness.rows(tables.poll)[0]) > poll_scopes.INTERVAL * 0.9
    assert harness.wait_of(harness.rows(tables.query_listing)[0]) > list_query_members.INTERVAL * 0.9
    assert harness.key_result().status in ("no_data", "partial"), "what is partly seen is not seen"


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [False])
@pytest.mark.parametrize("kind", list(EndlessList))
def test_a_list_of_jira_cloud_that_does_not_end_is_given_up_and_said(
    jira_harness: JiraHarness, kind: EndlessList
) -> None:
    """Whatever it showed is kept; as soon as it ends again, everything is complete."""
    site = jira_harness.jira
    site.endless = kind
    jira_harness.drain()
    assert sum("/search/jql" in call.path for call in site.rest.calls) <= MOST_CALLS
    assert set(reasons(jira_harness)) <= {listing.REPEATED, listing.EMPTY}
    check_that_it_is_said(jira_harness, "jira")
    site.endless = None
    jira_harness.poll_now()
    jira_harness.list_now()
    assert reasons(jira_harness) == (None, None)
    assert len(jira_harness.rows(tables.issue)) == ISSUES
    assert jira_harness.value() is not None


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [True])
@pytest.mark.parametrize("kind", [EndlessList.SAME, EndlessList.EMPTY])
def test_a_list_of_jira_data_center_that_does_not_end_is_given_up_and_said(
    jira_harness: JiraHarness, kind: EndlessList
) -> None:
    """It ignores the offset, or its pages are empty, and its total promises more."""
    site = jira_harness.jira
    site.page_limit = 50
    site.endless = kind
    jira_harness.drain()
    assert sum(call.path.endswith("/search") for call in site.rest.calls) <= MOST_CALLS
    check_that_it_is_said(jira_harness, "jira")
    if kind is EndlessList.EMPTY:
        assert reasons(jira_harness) == (listing.EMPTY, listing.EMPTY)
    site.endless = None
    jira_harness.poll_now()
    jira_harness.list_now()
    assert reasons(jira_harness) == (None, None)
    assert len(jira_harness.rows(tables.issue)) == ISSUES


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [True])
def test_an_empty_page_of_data_center_with_a_larger_total_does_not_end_a_list(jira_harness: JiraHarness) -> None:
    """Its index was late once: the next page shows the rest, so nothing is said."""
    site = jira_harness.jira
    site.page_limit, site.empty_pages = 50, 2
    jira_harness.drain()
    assert reasons(jira_harness) == (None, None)
    assert len(jira_harness.rows(tables.issue)) == ISSUES


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize("kind", [EndlessList.REPEATED, EndlessList.EMPTY])
def test_a_list_of_github_that_does_not_end_is_given_up_and_said(
    github_harness: GitHubHarness, kind: EndlessList
) -> None:
    """Each page is the first one, as from a cache that ignores what is asked; or empty, and names a next page."""
    hub = github_harness.hub
    hub.endless = kind
    github_harness.drain()
    assert sum(call.path.endswith("/issues") for call in hub.rest.calls) <= MOST_CALLS
    check_that_it_is_said(github_harness, "gh")
    hub.endless = None
    github_harness.poll_now()
    github_harness.list_now()
    assert reasons(github_harness) == (None, None)
    assert len(github_harness.rows(tables.issue)) == ISSUES


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize("data_center", [False])
def test_a_very_long_list_waits_says_so_and_goes_on_where_it_was(
    jira_harness: JiraHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is honest; its pages are only many."""
    monkeypatch.setattr(listing, "MOST_PAGES", 4)
    site = jira_harness.jira
    site.page_limit = 25
    jira_harness.drain()
    assert harness_seen(jira_harness) == 100
    check_that_it_is_said(jira_harness, "jira")
    assert reasons(jira_harness) == (listing.LONG, listing.LONG)
    with writing(jira_harness.services.engine) as tx:
        for table in (tables.poll, tables.query_listing):
            tx.execute(sa.update(table).values(due_at=EPOCH))
    jira_harness.drain()
    assert reasons(jira_harness) == (None, None)
    assert harness_seen(jira_harness) == ISSUES
    assert sum("/search/jql" in call.path for call in site.rest.calls) < MOST_CALLS, "no page is read twice"


def harness_seen(harness: ServicesHarness) -> int:
    """Return how many issues the poll has seen."""
    return int(harness.rows(tables.poll)[0].seen)
