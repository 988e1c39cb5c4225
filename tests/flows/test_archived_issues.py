"""Archived issues of Jira: searches hide them and no webhook tells; a fetch of what was not seen for long does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from simulator import Jira
from simulator.jira.archive import archive, restore
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.issues import issues_view
from tests.flows.harness import clock_of
from tests.flows.jira_harness import DAY, JiraHarness
from tests.support.config_file import LABELLED, jira, okrs
from tests.support.services import open_services


@pytest.fixture
def services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Yield services."""
    with open_services(migrated_url, tmp_path) as made:
        yield made


@pytest.fixture
def harness(services: Services, *, data_center: bool) -> Iterator[JiraHarness]:
    """Yield the harness with Jira Cloud or Data Center, a day old."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        yield JiraHarness(services, site, clock)


def poll_a_day_later(harness: JiraHarness) -> None:
    """Poll as if nothing had been seen for a day."""
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.poll).values(done_at=utc_now() - DAY))
        tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - DAY))
    harness.poll_now()
    harness.drain()


def test_an_issue_that_is_archived_without_a_webhook_is_dropped_until_it_is_restored(harness: JiraHarness) -> None:
    """One of two is done. The open one is archived: nobody can work on it, and it would be open for ever."""
    finished, waiting = (harness.shop.create_issue(name, labels=["checkout"]) for name in ("Pay", "Refund"))
    finished.finish()
    harness.clock.step(600)
    rule = {"slug": "checkout", "connection": "jira", "key_result": "KR-1", "when": LABELLED}
    harness.apply(okrs(jira(harness.jira, scopes=["SHOP"], earlier="import"), rules=[rule]))
    harness.drain()
    assert harness.value() == 50
    archive(harness.jira, waiting)
    harness.clock.step(600)
    poll_a_day_later(harness)
    assert harness.value() == 100
    with reading(harness.services.engine) as tx:
        found = {one.key: one.why_not for one in issues_view(tx, harness.rows(tables.key_result)[0].id)}
    assert found == {finished.key: None, waiting.key: "dropped: archived"}
    restore(harness.jira, waiting)
    harness.clock.step(600)
    poll_a_day_later(harness)
    assert harness.value() == 50
