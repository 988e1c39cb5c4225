"""Many looks that are due are made with few calls, and what those can't tell is looked at one by one."""

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


class Chosen(Connector):
    """GitHub's connector, whose looks at many a test may decide."""

    decide: Any = None

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Let the test decide, or look."""
        found = super().fetch_issues(connection, wanted=wanted)
        return self.decide(dict(found)) if self.decide else found


@dataclass
class FetchHarness(GitHubHarness):
    """A house with looks to make at a simulated GitHub."""

    connector: Chosen = field(default_factory=Chosen)
    fetcher: IssueFetcher = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.apply(okrs(github(self.hub)))
        parts: dict[str, Any] = {
            "engine": self.services.engine,
            "connectors": {"github": self.connector},
            "connections": self.services.connections,
            "now": utc_now,
        }
        refresh = UpdateApplier(**parts, ruleset_cache=RulesetCache(), settle=timedelta(0))
        self.fetcher = IssueFetcher(**parts, applier=refresh)

    def fetch(self, *works: Issue) -> None:
        """Ask for looks, and make them."""
        wanted = {
            (1, f"{one.repository.id}#{one.number}"): (
                FetchNeeded(
                    identity=f"{one.repository.id}#{one.number}",
                    key=f"{one.repository.full_name}#{one.number}",
                    reason="x",
                ),
                None,
            )
            for one in works
        }
        with writing(self.services.engine) as tx:
            fetch_requests.add(tx, wanted)
        self.hub.rest.calls.clear()
        while self.fetcher.drain():
            pass

    def calls(self, bucket: str) -> int:
        """Return the number of calls since the looks were asked for whose path holds this."""
        return sum(bucket in call.path for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services, hub: GitHub, clock: SteppedClock) -> FetchHarness:
    """Return the harness."""
    return FetchHarness(services, hub, clock)


def test_many_are_looked_at_with_few_calls(harness: FetchHarness) -> None:
    """A hundred with one; what is gone is then looked at by itself."""
    issues = harness.open_issues(120)
    issues[0].delete()
    harness.fetch(*issues)
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (2, 1)
    assert len([row for row in harness.rows(tables.issue) if row.title]) == 119
    assert [row.key for row in harness.rows(tables.issue) if row.gone_reason] == ["acme/checkout#1"]
    assert {row.due_at for row in harness.rows(tables.fetch_request)} == {None}


def test_a_letter_does_not_undo_what_a_look_showed_of_links_by_hand(harness: FetchHarness) -> None:
    """Its text names none: so we look again."""
    (issue,) = harness.open_issues(1)
    harness.hub.add_hook(url="http://127.0.0.1:9/hooks/gh", secret="hush")
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


def test_fewer_than_three_are_looked_at_one_by_one(harness: FetchHarness) -> None:
    """It is no cheaper."""
    harness.fetch(*harness.open_issues(2))
    assert (harness.calls("/graphql"), harness.calls("/issues/")) == (0, 2)


def test_a_limit_of_graphql_lets_looks_one_by_one_go_on(harness: FetchHarness) -> None:
    """And GraphQL is left alone meanwhile."""
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
def test_whatever_goes_wrong_with_many_is_left_to_each(harness: FetchHarness, error: Exception) -> None:
    """A mistake of ours too."""

    def fail(_found: Any) -> Any:
        raise error

    harness.connector.decide = fail
    harness.fetch(*harness.open_issues(3))
    assert harness.calls("/issues/") == 3
    assert len(harness.rows(tables.issue)) == 3


def test_what_is_seen_of_one_may_be_an_error_about_it_alone(harness: FetchHarness) -> None:
    """Deleted, hidden, or nothing to be done about."""
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
    assert outcomes[1:3] == ["unreachable, so nothing changes: hidden", "a teapot"]
    assert [row.buried_at is not None for row in harness.rows(tables.fetch_request)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_one_whose_lease_is_lost_stops_none_of_the_others(harness: FetchHarness) -> None:
    """It may have been seen too early: whoever asked anew looks again."""

    def decide(found: dict[str, FetchResult]) -> dict[str, FetchResult]:
        harness.connector.decide = None
        with writing(harness.services.engine) as tx:
            again = FetchNeeded(identity=f"{harness.repository.id}#2", key="acme/checkout#2", reason="anew")
            fetch_requests.add(tx, {(1, again.identity): (again, None)})
        return found

    harness.connector.decide = decide
    harness.fetch(*harness.open_issues(4))
    assert {row.due_at for row in harness.rows(tables.fetch_request)} == {None}
    assert [row.outcome.partition(":")[0] for row in harness.rows(tables.fetch_request)] == [
        f"acme/checkout#{number}" for number in (1, 2, 3, 4)
    ]
    assert harness.calls("/issues/2") == 1


def test_a_turn_that_is_over_gives_rows_back_without_counting_an_attempt(
    harness: FetchHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have theirs."""
    monkeypatch.setattr("sync_service.tracker_sync.fetch_issues.TURN_SECONDS", -1.0)
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
def test_a_refused_connection_is_asked_by_one_look_alone(harness: FetchHarness) -> None:
    """Once an hour."""
    issues = harness.open_issues(4)
    harness.hub.token = "another"
    harness.fetch(*issues)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.fetch_request).values(due_at=utc_now() - timedelta(seconds=1)))
    harness.services.connections.forget()
    harness.hub.rest.calls.clear()
    while harness.fetcher.drain():
        pass
    assert harness.hub.rest.calls == []
    assert all("waits until the connection works again" in row.outcome for row in harness.rows(tables.fetch_request))
