"""Few calls match issues on Jira Cloud that changed, were imported, or were relinked."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.queue import query_candidates, relink_requests
from tests.flows.jql_harness import JqlHarness, open_jql_harness

pytestmark = pytest.mark.slow


@pytest.fixture
def cloud(services: Services) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud."""
    with open_jql_harness(services, data_center=False) as made:
        yield made


def test_imported_issues_are_listed_and_not_matched(cloud: JqlHarness) -> None:
    """Matching them would cost one call for fifty issues."""
    cloud.shop.create_issues(250)
    cloud.begin("labels = checkout")
    assert len(cloud.rows(tables.issue)) == 250
    assert cloud.calls("/jql/match") == 0
    covered = max(row.covered_at for row in cloud.rows(tables.scope))
    assert cloud.rows(tables.query_listing)[0].began_at >= covered or cloud.is_listed_soon()


def test_relinked_issues_are_listed_and_not_matched(cloud: JqlHarness) -> None:
    """A query may name a renamed component, which may have a hundred thousand issues."""
    cloud.shop.create_issues(60)
    cloud.furnish()
    before = cloud.calls("/jql/match")
    with writing(cloud.services.engine) as tx:
        (connection,) = tx.scalars(sa.select(tables.connection.c.id))
        relink_requests.add(tx, [(connection, [RelinkReason(what="a component was renamed")])])
    cloud.drain()
    assert cloud.calls("/jql/match") == before
    assert cloud.is_listed_soon()


@pytest.mark.only_in_test_all
def test_ten_queries_and_five_hundred_changes_need_ten_calls(cloud: JqlHarness) -> None:
    """One call matches fifty issues with all queries."""
    cloud.shop.create_issues(500, lambda number: BulkIssue(summary="Pay", labels=(f"l{number % 10}",)))
    cloud.furnish(*(f"labels = l{number}" for number in range(10)))
    cloud.match_after_a_minute()
    before = cloud.calls("/jql/match")
    with writing(cloud.services.engine) as tx:
        query_candidates.add(tx, [(row.connection_id, row.identity) for row in cloud.rows(tables.issue)])
    cloud.drain()
    assert cloud.calls("/jql/match") == before + 10
    assert len(cloud.rows(tables.link)) == 500
