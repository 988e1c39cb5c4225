"""Many issues are fetched with few calls; issues that a bulk call can't return are fetched one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.github import GitHub as Connector
from simulator import GitHub, SteppedClock
from simulator.github.model.issue import Issue
from sync_service.domain.trackers.capabilities import FetchResult
from sync_service.domain.trackers.connector import Connection, Gone, Rejected, Unavailable, WebhookRequest
from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.receive import Receipt
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import fetch_requests
from sync_service.tracker_sync.fetch_issues import IssueFetcher
from tests.flows.harness import GitHubHarness
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow


class ScriptedConnector(Connector):
    """GitHub's connector; a test may change the results of bulk fetches."""

    decide: Any = None

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Fetch, and let the test change the results."""
        found = super().fetch_issues(connection, wanted=wanted)
        return self.decide(dict(found)) if self.decide else found


@dataclass
class FetchHarness(GitHubHarness):
    """Services that fetch issues from a simulated GitHub."""

    connector: ScriptedConnector = field(default_factory=ScriptedConnector)
    fetcher: IssueFetcher = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.apply(okrs(github(self.hub)))
        common: dict[str, Any] = {
            "engine": self.services.engine,
            "connectors": {"github": self.connector},
            "connections": self.services.connections,
            "now": utc_now,
        }
        applier = UpdateApplier(**common, ruleset_cache=RulesetCache(), settle=timedelta(0))
        self.fetcher = IssueFetcher(**common, applier=applier)

    def fetch(self, *issues: Issue) -> None:
        """Request fetches of issues, and drain."""
        requests = {
            (1, f"{one.repository.id}#{one.number}"): (
                FetchNeeded(
                    identity=f"{one.repository.id}#{one.number}",
                    key=f"{one.repository.full_name}#{one.number}",
                    reason="x",
                ),
                None,
            )
            for one in issues
        }
        with writing(self.services.engine) as tx:
            fetch_requests.add(tx, requests)
        self.hub.rest.calls.clear()
        while self.fetcher.drain():
            pass

    def calls(self, bucket: str) -> int:
        """Return the number of calls since the last `fetch` with this text in their path."""
        return sum(bucket in call.path for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services, hub: GitHub, clock: SteppedClock) -> FetchHarness:
    """Return the harness."""
    return FetchHarness(services, hub, clock)


def test_many_issues_are_fetched_with_few_calls(harness: FetchHarness) -> None:
    """One call fetches a hundred; an issue that is gone is then fetched alone."""
    issues = harness.open_issues(120)
    issues[0].delete()
    harness.fetch(*issues)
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (2, 1)
    assert len([row for row in harness.rows(tables.issue) if row.title]) == 119
    assert [row.key for row in harness.rows(tables.issue) if row.gone_reason] == ["acme/checkout#1"]
    assert {row.due_at for row in harness.rows(tables.fetch_request)} == {None}


def test_a_delivery_does_not_undo_linked_issues_that_a_fetch_showed(harness: FetchHarness) -> None:
    """The text of the pull request names no issue, so it is fetched again."""
    (issue,) = harness.open_issues(1)
    harness.hub.add_hook(url="http://127.0.0.1:9/hooks/gh", secret="hush-hush")
    pull = harness.repository.create_pull_request("Add", labels=["checkout"])
    pull.link(issue)

    def closes() -> list[str]:
        return [str(row.key) for row in harness.rows(tables.closing_link)]

    harness.fetch(pull)
    assert closes() == ["acme/checkout#1"]
    harness.clock.step(5)
    pull.edit(title="Add more")
    request = harness.hub.deliveries[-1].request
    headers = {name.lower(): value for name, value in {**request.headers, **request.sign()}.items()}
    assert harness.services.receive.receive("gh", WebhookRequest(headers, request.body)) is Receipt.STORED
    harness.services.drains.drain("delivery")
    (row,) = harness.rows(tables.fetch_request)
    assert row.reason == "in doubt: it was seen to close other issues"
    assert row.due_at is not None
    harness.fetcher.drain()
    assert closes() == ["acme/checkout#1"]
    pull.linked.clear()
    harness.fetch(pull)
    assert closes() == [], "though nothing changed its time"


def test_fetched_issues_are_applied_one_by_one_after_an_error_without_words(
    harness: FetchHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `assert` has no text; it must not stop the issues that can be applied."""
    apply = UpdateApplier.apply

    def one_at_a_time(applier: UpdateApplier, updates: Any, settle: Any) -> Any:
        if len(updates) > 1:
            raise AssertionError
        return apply(applier, updates, settle)

    monkeypatch.setattr(UpdateApplier, "apply", one_at_a_time)
    harness.fetch(*harness.open_issues(4))
    assert {row.due_at for row in harness.rows(tables.fetch_request)} == {None}


def test_fewer_than_three_issues_are_fetched_one_by_one(harness: FetchHarness) -> None:
    """A bulk call would not be cheaper."""
    harness.fetch(*harness.open_issues(2))
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (0, 2)


def test_with_graphql_rate_limited_single_fetches_continue(harness: FetchHarness) -> None:
    """GraphQL is not called meanwhile."""
    issues = harness.open_issues(4)
    harness.hub.limits.switch_on()
    harness.hub.limits.spend(f"user ID {harness.hub.actor.id}", "graphql", 5000)
    harness.fetch(*issues)
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (1, 4)
    assert [row.bucket for row in harness.rows(tables.rate_limit)] == ["token/graphql"]
    harness.fetch(*issues)
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (0, 4)
    assert len(harness.rows(tables.issue)) == 4


@pytest.mark.parametrize(
    "error", [Rejected("no"), ZeroDivisionError("ours"), Unavailable("away", bucket="token/graphql")]
)
def test_after_an_error_of_a_bulk_fetch_each_issue_is_fetched_alone(harness: FetchHarness, error: Exception) -> None:
    """Also after a bug of ours."""

    def fail(_found: Any) -> Any:
        raise error

    harness.connector.decide = fail
    harness.fetch(*harness.open_issues(3))
    assert harness.calls("/issues/") == 3
    assert len(harness.rows(tables.issue)) == 3


def test_a_bulk_fetch_may_have_an_error_for_one_issue(harness: FetchHarness) -> None:
    """The issue is deleted, hidden or rejected."""
    issues = harness.open_issues(5)
    ids = [f"{harness.repository.id}#{number}" for number in range(1, 6)]

    def decide(found: dict[str, FetchResult]) -> dict[str, FetchResult]:
        errors: dict[str, FetchResult] = {
            ids[0]: Gone("deleted", proven=True),
            ids[1]: Gone("hidden", proven=False),
            ids[2]: Rejected("a teapot"),
        }
        return {**found, **errors}

    harness.connector.decide = decide
    harness.fetch(*issues)
    assert harness.calls("/issues/") == 0
    outcomes = [row.outcome for row in harness.rows(tables.fetch_request)]
    assert "deleted" in outcomes[0]
    assert outcomes[1:3] == ["unreachable, so nothing changes: hidden", "unreachable: a teapot"]
    assert [row.buried_at is not None for row in harness.rows(tables.fetch_request)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_one_lost_lease_does_not_stop_the_other_fetches(harness: FetchHarness) -> None:
    """Its snapshot may be too old, so the new request fetches it again."""

    def decide(found: dict[str, FetchResult]) -> dict[str, FetchResult]:
        harness.connector.decide = None
        with writing(harness.services.engine) as tx:
            again = FetchNeeded(identity=f"{harness.repository.id}#2", key="acme/checkout#2", reason="requested again")
            fetch_requests.add(tx, {(1, again.identity): (again, None)})
        return found

    harness.connector.decide = decide
    harness.fetch(*harness.open_issues(4))
    assert {row.due_at for row in harness.rows(tables.fetch_request)} == {None}
    assert [row.outcome.partition(":")[0] for row in harness.rows(tables.fetch_request)] == [
        f"acme/checkout#{number}" for number in (1, 2, 3, 4)
    ]
    assert harness.calls("/issues/2") == 1


def test_a_drain_out_of_time_releases_rows_without_counting_an_attempt(
    harness: FetchHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other drains get their time."""
    monkeypatch.setattr("sync_service.tracker_sync.fetch_issues.DRAIN_SECONDS", -1.0)
    issues = harness.open_issues(3)
    with writing(harness.services.engine) as tx:
        for one in issues:
            identity, key = f"{harness.repository.id}#{one.number}", f"acme/checkout#{one.number}"
            fetch_requests.add(tx, {(1, identity): (FetchNeeded(identity=identity, key=key, reason="x"), None)})
    assert harness.fetcher.drain() == 3
    assert [(row.attempts, row.outcome, row.lease) for row in harness.rows(tables.fetch_request)] == [
        (0, "released for a later drain", None)
    ] * 3


@pytest.mark.both_databases
def test_a_refused_connection_is_tried_by_one_fetch(harness: FetchHarness) -> None:
    """Only one call an hour is made."""
    issues = harness.open_issues(4)
    harness.hub.token = "another"
    harness.fetch(*issues)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.fetch_request).values(due_at=utc_now() - timedelta(seconds=1)))
    harness.services.connections.clear_cache()
    harness.hub.rest.calls.clear()
    while harness.fetcher.drain():
        pass
    assert harness.hub.rest.calls == []
    assert all("waits until the connection works again" in row.outcome for row in harness.rows(tables.fetch_request))
