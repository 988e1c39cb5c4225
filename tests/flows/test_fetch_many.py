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
class Stage(GitHubHarness):
    """A house with looks to make at a simulated GitHub."""

    connector: Chosen = field(default_factory=Chosen)
    looking: IssueFetcher = field(init=False)

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
        self.looking = IssueFetcher(**parts, applier=refresh)

    def look_at(self, *works: Issue) -> None:
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
        while self.looking.drain():
            pass

    def calls(self, bucket: str) -> int:
        """Count the calls since the looks were asked for whose path holds this."""
        return sum(bucket in call.path for call in self.hub.rest.calls)


@pytest.fixture
def stage(services: Services, hub: GitHub, clock: SteppedClock) -> Stage:
    """Set the stage."""
    return Stage(services, hub, clock)


def test_many_are_looked_at_with_few_calls(stage: Stage) -> None:
    """A hundred with one; what is gone is then looked at by itself."""
    issues = stage.open_issues(120)
    issues[0].delete()
    stage.look_at(*issues)
    assert (stage.calls("/graphql"), stage.calls("/issues/")) == (2, 1)
    assert len([row for row in stage.rows(tables.issue) if row.title]) == 119
    assert [row.key for row in stage.rows(tables.issue) if row.gone_reason] == ["acme/checkout#1"]
    assert {row.due_at for row in stage.rows(tables.fetch_request)} == {None}


def test_a_letter_does_not_undo_what_a_look_showed_of_links_by_hand(stage: Stage) -> None:
    """Its text names none: so we look again."""
    (issue,) = stage.open_issues(1)
    stage.hub.add_hook(url="http://127.0.0.1:9/hooks/gh", secret="hush")
    pull = stage.repository.create_pull_request("Add", labels=["checkout"])
    pull.link(issue)

    def closes() -> list[str]:
        return [str(row.key) for row in stage.rows(tables.closing_link)]

    stage.look_at(pull)
    assert closes() == ["acme/checkout#1"]
    stage.clock.step(5)
    pull.edit(title="Add more")
    parcel = stage.hub.deliveries[-1].request
    headers = {name.lower(): value for name, value in {**parcel.headers, **parcel.sign()}.items()}
    assert stage.services.receive.receive("gh", WebhookRequest(headers, parcel.body)) is Receipt.STORED
    stage.services.drains.drain("delivery")
    (row,) = stage.rows(tables.fetch_request)
    assert row.reason == "in doubt: it was seen to close other issues"
    assert row.due_at is not None
    stage.looking.drain()
    assert closes() == ["acme/checkout#1"]
    pull.linked.clear()
    stage.look_at(pull)
    assert closes() == [], "though nothing changed its time"


def test_fewer_than_three_are_looked_at_one_by_one(stage: Stage) -> None:
    """It is no cheaper."""
    stage.look_at(*stage.open_issues(2))
    assert (stage.calls("/graphql"), stage.calls("/issues/")) == (0, 2)


def test_a_limit_of_graphql_lets_looks_one_by_one_go_on(stage: Stage) -> None:
    """And GraphQL is left alone meanwhile."""
    issues = stage.open_issues(4)
    stage.hub.limits.switch_on()
    stage.hub.limits.spend(f"user ID {stage.hub.actor.id}", "graphql", 5000)
    stage.look_at(*issues)
    assert (stage.calls("/graphql"), stage.calls("/issues/")) == (1, 4)
    assert [row.bucket for row in stage.rows(tables.rate_limit)] == ["token/graphql"]
    stage.look_at(*issues)
    assert (stage.calls("/graphql"), stage.calls("/issues/")) == (0, 4)
    assert len(stage.rows(tables.issue)) == 4


@pytest.mark.parametrize(
    "error", [Rejected("no"), ZeroDivisionError("ours"), Unavailable("away", bucket="token/graphql")]
)
def test_whatever_goes_wrong_with_many_is_left_to_each(stage: Stage, error: Exception) -> None:
    """A mistake of ours too."""

    def fail(_found: Any) -> Any:
        raise error

    stage.connector.decide = fail
    stage.look_at(*stage.open_issues(3))
    assert stage.calls("/issues/") == 3
    assert len(stage.rows(tables.issue)) == 3


def test_what_is_seen_of_one_may_be_an_error_about_it_alone(stage: Stage) -> None:
    """Deleted, hidden, or nothing to be done about."""
    issues = stage.open_issues(5)
    ids = [f"{stage.repository.id}#{number}" for number in range(1, 6)]

    def decide(found: dict[str, FetchResult]) -> dict[str, FetchResult]:
        errors: dict[str, FetchResult] = {
            ids[0]: Gone("deleted", proven=True),
            ids[1]: Gone("hidden", proven=False),
            ids[2]: Rejected("a teapot"),
        }
        return {**found, **errors}

    stage.connector.decide = decide
    stage.look_at(*issues)
    assert stage.calls("/issues/") == 0
    outcomes = [row.outcome for row in stage.rows(tables.fetch_request)]
    assert "deleted" in outcomes[0]
    assert outcomes[1:3] == ["unreachable, so nothing changes: hidden", "a teapot"]
    assert [row.buried_at is not None for row in stage.rows(tables.fetch_request)] == [False, False, True, False, False]


def test_one_whose_lease_is_lost_stops_none_of_the_others(stage: Stage) -> None:
    """It may have been seen too early: whoever asked anew looks again."""

    def decide(found: dict[str, FetchResult]) -> dict[str, FetchResult]:
        stage.connector.decide = None
        with writing(stage.services.engine) as tx:
            again = FetchNeeded(identity=f"{stage.repository.id}#2", key="acme/checkout#2", reason="anew")
            fetch_requests.add(tx, {(1, again.identity): (again, None)})
        return found

    stage.connector.decide = decide
    stage.look_at(*stage.open_issues(4))
    assert {row.due_at for row in stage.rows(tables.fetch_request)} == {None}
    assert [row.outcome.partition(":")[0] for row in stage.rows(tables.fetch_request)] == [
        f"acme/checkout#{number}" for number in (1, 2, 3, 4)
    ]
    assert stage.calls("/issues/2") == 1


def test_a_turn_that_is_over_gives_rows_back_without_counting_an_attempt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have theirs."""
    monkeypatch.setattr("sync_service.tracker_sync.fetch_issues.TURN_SECONDS", -1.0)
    issues = stage.open_issues(3)
    with writing(stage.services.engine) as tx:
        for one in issues:
            identity, key = f"{stage.repository.id}#{one.number}", f"acme/checkout#{one.number}"
            fetch_requests.add(tx, {(1, identity): (FetchNeeded(identity=identity, key=key, reason="x"), None)})
    assert stage.looking.drain() == 3
    assert [(row.attempts, row.outcome, row.lease) for row in stage.rows(tables.fetch_request)] == [
        (0, "released for a later drain", None)
    ] * 3


@pytest.mark.both_databases
def test_a_refused_connection_is_asked_by_one_look_alone(stage: Stage) -> None:
    """Once an hour."""
    issues = stage.open_issues(4)
    stage.hub.token = "another"
    stage.look_at(*issues)
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.fetch_request).values(due_at=utc_now() - timedelta(seconds=1)))
    stage.services.connections.forget()
    stage.hub.rest.calls.clear()
    while stage.looking.drain():
        pass
    assert stage.hub.rest.calls == []
    assert all("waits until the connection works again" in row.outcome for row in stage.rows(tables.fetch_request))
