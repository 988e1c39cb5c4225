"""A GitHub App with several installations: its polls and fetches, and what one rate limit stops."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub
from simulator.github import Installation, Rules
from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.queue import fetch_requests
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

REPOSITORIES = ("checkout", "umbrella/ledger", "payments")


@dataclass
class AppHarness(GitHubHarness):
    """A GitHub with an app on two accounts, and services with one connection by the app and one by a token."""

    here: Installation = field(init=False)
    there: Installation = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        repositories = [self.hub.repository(name) for name in REPOSITORIES]
        for repository in repositories:
            repository.create_issue("Pay")
        app = self.hub.create_app(permissions={"issues": "read", "pull_requests": "read"})
        self.here, self.there = app.install([repositories[0]]), app.install(account=repositories[1].owner)
        key = Path(self.services.settings.data_dir) / "app.pem"
        key.write_text(app.pem)
        by_app = {"token": None, "app": {"id": app.id, "private_key": f"file:{key}"}}
        first = github(self.hub, scopes=["acme/checkout", "umbrella/ledger"], earlier="import", **by_app)
        second = github(self.hub, slug="other", scopes=["acme/payments"], earlier="import")
        self.apply(okrs(first, second))

    def fetch(self, name: str) -> Row[Any]:
        """Request a fetch of a repository's issue, drain, and return its row."""
        repository = self.hub.repository(name)
        identity, key = f"{repository.id}#1", f"{repository.full_name}#1"
        with writing(self.services.engine) as tx:
            connection_id = tx.scalars(sa.select(tables.connection.c.id).where(tables.connection.c.slug == "gh")).one()
            fetch_requests.add(
                tx, {(connection_id, identity): (FetchNeeded(identity=identity, key=key, reason="a test"), None)}
            )
        self.drain()
        return next(row for row in self.rows(tables.fetch_request) if row.identity == identity)

    def keys(self) -> set[str]:
        """Return the keys of the known issues."""
        return {row.key for row in self.rows(tables.issue)}

    def refused_calls(self) -> int:
        """Return the number of calls that GitHub refused, but for those about webhooks, which the app may not read."""
        return sum(call.status in (403, 429) and "/hook" not in call.path for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services) -> Iterator[AppHarness]:
    """Yield the harness."""
    clock = clock_of()
    with GitHub("acme", clock=clock) as hub:
        yield AppHarness(services, hub, clock)


def test_one_app_imports_and_fetches_from_all_its_installations(harness: AppHarness) -> None:
    """No person's token is needed."""
    harness.poll_now()
    assert harness.keys() == {"acme/checkout#1", "umbrella/ledger#1", "acme/payments#1"}
    assert harness.fetch("checkout").due_at is None
    assert harness.fetch("umbrella/ledger").due_at is None


def test_a_used_up_limit_delays_only_its_own_installation(harness: AppHarness) -> None:
    """It is refused once; only rows that use it wait for the reset."""
    harness.poll_now()
    harness.hub.limits.switch_on(Rules(core=50))
    harness.hub.limits.spend(f"installation ID {harness.here.id}", "core", 50)
    waiting = harness.fetch("checkout")
    assert timedelta(minutes=59) < harness.wait_of(waiting) <= timedelta(hours=1)
    for name in REPOSITORIES:
        harness.hub.repository(name).create_issue("Another")
    before = harness.refused_calls()
    harness.poll_now()
    assert harness.refused_calls() == before == 1
    assert harness.keys() == {f"{name}#1" for name in ("acme/checkout", "umbrella/ledger", "acme/payments")} | {
        "umbrella/ledger#2",
        "acme/payments#2",
    }
    assert f"waits until the tracker can answer (calls of installation {harness.here.id})" in {
        row.outcome for row in harness.rows(tables.poll)
    }
    assert harness.fetch("umbrella/ledger").due_at is None


def test_a_limit_without_a_time_backs_off_longer_each_time(harness: AppHarness) -> None:
    """All rows that use the installation wait."""
    harness.poll_now()
    harness.hub.limits.block(86400, bucket=f"installation ID {harness.here.id}", retry_after=False)
    for seconds in (60, 120, 240):
        harness.fetch("checkout")
        (pause,) = harness.rows(tables.rate_limit)
        assert (pause.bucket, pause.seconds) == (f"installation {harness.here.id}", seconds)
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx)))
    assert harness.refused_calls() == 3


def test_a_suspended_installation_does_not_refuse_the_connection(harness: AppHarness) -> None:
    """Its issues are unreachable and stay as they are; the others are fetched."""
    harness.poll_now()
    harness.here.suspend()
    hidden = harness.fetch("checkout")
    assert "GitHub says: This installation has been suspended" in hidden.outcome
    assert harness.fetch("umbrella/ledger").due_at is None
    harness.there.suspend()
    refused = harness.fetch("umbrella/ledger")
    assert "GitHub says: This installation has been suspended" in refused.outcome
    assert [row.refused_reason is not None for row in harness.rows(tables.connection)] == [True, False]


def test_a_missing_permission_affects_only_its_installation(harness: AppHarness) -> None:
    """The reason has GitHub's message; the connection is not refused, and the rest works."""
    harness.here.permissions = {"metadata": "read"}
    harness.poll_now()
    assert harness.keys() >= {"umbrella/ledger#1"}
    assert harness.keys().isdisjoint({"acme/checkout#1"})
    outcomes = [row.outcome or "" for row in harness.rows(tables.poll)]
    assert sum("the required permission: issues=read" in outcome for outcome in outcomes) == 1
    hidden = harness.fetch("checkout")
    assert "the required permission: issues=read" in hidden.outcome
    assert (hidden.due_at, hidden.buried_at) == (None, None)
    assert [row.refused_reason for row in harness.rows(tables.connection)] == [None, None]
