"""Deliveries that were sent late say how an issue was, not that it is still there."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.github.connector import GitHub
from sync_service.domain.trackers.capabilities import Page
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.flows.write_back_github import GitHubWriteBackHarness, open_github_harness
from tests.simulator.receiver import Received

AWAY = timedelta(hours=6)


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield a GitHub whose webhooks are received when the test says so."""
    with open_github_harness(services) as made:
        made.furnish(on=False)
        yield made


def be_away(harness: GitHubWriteBackHarness) -> None:
    """Let six hours pass since the last poll, in which no issue was seen."""
    harness.clock.set(datetime.now(UTC))
    six_hours_ago = datetime.now(UTC) - AWAY
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.poll).values(done_at=six_hours_ago))
        tx.execute(sa.update(tables.issue).values(seen_at=six_hours_ago))


def while_it_lists(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Do something once, while a poll asks GitHub for a page."""
    list_changes, pending = GitHub.list_changes, [do]

    def list_then(self: GitHub, *words: Any, **named: Any) -> Page:
        page = list_changes(self, *words, **named)
        while pending:
            pending.pop()()
        return page

    monkeypatch.setattr(GitHub, "list_changes", list_then)


def receive(harness: GitHubWriteBackHarness, deliveries: list[Received]) -> None:
    """Receive and apply deliveries."""
    harness.receiver.received = deliveries
    harness.receive_webhooks()


@pytest.mark.both_databases
@pytest.mark.parametrize("what", ["relabelled", "renamed repository"])
def test_an_issue_deleted_while_we_were_away_is_found_after_a_late_delivery(
    harness: GitHubWriteBackHarness, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A redelivered change of the issue, or of its repository's name, comes while the poll runs that misses it."""
    harness.clock.set(datetime.now(UTC) - AWAY - timedelta(hours=1))
    one, other = (harness.repository.create_issue(title, labels=["checkout"]) for title in ("Pay", "Ship"))
    other.close()
    harness.receive_webhooks()
    assert harness.value() == pytest.approx(50)
    harness.clock.step(600)
    if what == "relabelled":
        one.label("urgent")
    else:
        harness.repository.rename("shop")
    late = list(harness.receiver.received)
    assert late
    harness.receiver.forget()
    harness.clock.step(600)
    one.delete()
    harness.receiver.forget()
    be_away(harness)
    while_it_lists(monkeypatch, lambda: receive(harness, late))
    harness.poll_now()
    assert harness.value() == pytest.approx(100)


def test_a_delivery_in_time_says_that_the_issue_is_there(harness: GitHubWriteBackHarness) -> None:
    """It is not fetched for having been away."""
    harness.clock.set(datetime.now(UTC) - AWAY - timedelta(hours=1))
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.receive_webhooks()
    be_away(harness)
    issue.label("urgent")
    harness.receive_webhooks()
    (row,) = harness.rows(tables.issue)
    assert row.seen_at > datetime.now(UTC) - timedelta(minutes=5)
