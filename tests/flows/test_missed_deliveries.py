"""Services that missed deliveries of a simulated GitHub request them again, over real HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from simulator import GitHub
from sync_service.runtime.wiring import utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.queue import scheduled_tasks
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs
from tests.support.services import open_services

pytestmark = pytest.mark.slow


@dataclass
class RedeliveryHarness(GitHubHarness):
    """A web server, a worker on the same database, and a GitHub that sends webhooks."""

    address: str

    def furnish(self, kind: str) -> None:
        """Add a webhook of this kind, and apply the configuration."""
        url = f"{self.address}/hooks/gh"
        connection = github(self.hub)
        if kind == "app":
            rights = {"issues": "read", "pull_requests": "read"}
            events = ["issues", "label", "sub_issues", "milestone"]
            app = self.hub.create_app(permissions=rights, events=events, hook_url=url, hook_secret="hush-hush")
            connection = github(self.hub, token=None, app={"id": app.id, "private_key": app.pem})
        else:
            self.hub.add_hook(self.repository if kind == "repository" else None, url=url, secret="hush-hush")
        self.apply(okrs(connection))
        if kind == "app":
            app.install([self.repository])
        self.drain("rule_revision", "recompute", "relink_request", "delivery")

    def run_scheduled_tasks(self) -> None:
        """Make every scheduled task due, drain, and receive the redeliveries."""
        with writing(self.services.engine) as tx:
            scheduled_tasks.hurry(tx)
        self.drain("scheduled_task", "scheduled_task", "delivery", "relink_request", "recompute")

    def outcome(self) -> str:
        """Return the outcome of the task."""
        return next(str(row.outcome) for row in self.rows(tables.scheduled_task) if row.name == "redeliver")


@pytest.fixture
def harness(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedeliveryHarness]:
    """Yield the harness on either database."""
    monkeypatch.setattr("connectors.github.redelivery.redeliver.APART_SECONDS", 0)
    clock = clock_of(timedelta(hours=7))
    with (
        open_services(migrated_url, tmp_path / "door") as door,
        receiving(door) as address,
        open_services(migrated_url, tmp_path, OKR_SYNC_BASE_URL=f"{address}/") as services,
        GitHub("acme", clock=clock, background=False) as hub,
    ):
        yield RedeliveryHarness(services, hub, clock, address)


@pytest.mark.parametrize("kind", ["app", "organization", "repository"])
def test_a_failed_delivery_is_requested_again_and_counts(harness: RedeliveryHarness, kind: str) -> None:
    """Also a deletion and a renamed label, which no list of issues shows."""
    harness.furnish(kind)
    label = harness.repository.label("payments")
    issues = harness.open_issues(4)
    other = harness.repository.create_issue("Told by its label alone", labels=["payments"])
    harness.drain("delivery", "recompute")
    assert harness.value() == 0
    harness.clock.step(600)
    harness.hub.webhooks.lose_next(4)
    issues[0].close()
    issues[1].delete()
    other.close()
    harness.repository.label("checkout").rename("till")
    harness.clock.step(60)
    label.rename("checkout")
    harness.drain("delivery", "recompute", "relink_request")
    assert harness.value() != 100
    harness.clock.step(timedelta(hours=6).total_seconds())
    harness.run_scheduled_tasks()
    assert harness.outcome().startswith("4 failed deliveries requested again, 4 still missing, 0 given up")
    harness.drain("delivery", "relink_request", "recompute")
    assert harness.value() == 100, "the only label of that name is on a closed issue"
    assert {row.key for row in harness.rows(tables.issue) if row.gone_reason} == {"acme/checkout#2"}
    harness.run_scheduled_tasks()
    outcome = "0 failed deliveries requested again, 0 still missing, 0 given up; 4 have arrived since"
    assert harness.outcome() == outcome


def test_a_redelivery_makes_a_buried_delivery_due_again(harness: RedeliveryHarness) -> None:
    """GitHub counted it as failed, but it was stored and buried."""
    harness.furnish("repository")
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    issue.close()
    harness.drain("delivery", "recompute")
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.delivery).values(buried_at=utc_now(), settled_at=None, outcome="our mistake"))
        tx.execute(sa.delete(tables.issue))
    for delivery in harness.hub.deliveries:
        delivery.attempts[:] = [type(one)(**{**one.__dict__, "status": 504}) for one in delivery.attempts]
    harness.run_scheduled_tasks()
    assert harness.value() == 100
    assert {row.buried_at for row in harness.rows(tables.delivery) if row.name.startswith("issues")} == {None}
