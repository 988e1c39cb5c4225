"""Issues are fetched when a delivery is incomplete or in doubt; each result of a fetch has its effect."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import (
    ConnectorError,
    Gone,
    Refused,
    Rejected,
    ResolvedTo,
    Unavailable,
)
from sync_service.domain.trackers.observations import FetchNeeded, ScopeRef
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.trackers import connections
from tests.domain.factories import CHECKOUT, at
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness


def test_a_fetch_decides_between_two_changes_in_one_second(core: CoreHarness) -> None:
    """With credentials, an issue in doubt is fetched."""
    give_token(core)
    core.tracker.snapshots["501#1"] = issue(1, 0)
    core.receive_and_drain(issue(1, 0), done(1, 0))
    assert core.value() == 0
    assert core.rows(tables.fetch_request)[0].outcome == "acme/checkout#1: applied, reopened"
    assert not core.rows(tables.issue)[0].in_doubt


def test_a_change_in_the_same_second_as_a_fetch_is_not_missed(core: CoreHarness) -> None:
    """Its delivery has the time of the fetched snapshot but another state, so the issue is fetched again."""
    give_token(core)
    core.tracker.snapshots["501#1"] = issue(1, 0)
    core.receive_and_drain(FETCH_NEEDED)
    core.tracker.snapshots["501#1"] = done(1, 0)
    core.receive_and_drain(done(1, 0))
    assert core.value() == 100
    assert not core.rows(tables.issue)[0].in_doubt


def test_without_credentials_a_fixed_order_decides_and_the_issue_is_marked_in_doubt(core: CoreHarness) -> None:
    """The result does not depend on which delivery comes first."""
    delivery = core.receive_and_drain(issue(1, 0), done(1, 0))
    assert core.value() == 100
    assert core.rows(tables.issue)[0].in_doubt
    assert "no credentials" in core.outcome(delivery)


def give_token(core: CoreHarness) -> None:
    """Store credentials for the connection."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=core.sealer.encrypt("token")))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))


FETCH_NEEDED = FetchNeeded(identity="501#1", key="acme/checkout#1", reason="the delivery is partial")


@pytest.mark.parametrize(
    ("found", "value", "outcome"),
    [
        (Gone("410", proven=True), None, "acme/checkout#1: deleted"),
        (Gone("404", proven=False), 0, "unreachable, so nothing changes: 404"),
        (Rejected("400"), 0, "unreachable: 400"),
        (Unavailable("503"), 0, "503"),
        (Unavailable("429 in the past", at(0)), 0, "429 in the past"),
        (Refused("401"), 0, "401"),
    ],
)
def test_each_result_of_a_fetch_has_its_effect(
    core: CoreHarness, found: ConnectorError, value: float | None, outcome: str
) -> None:
    """A hidden issue is not deleted, and without an answer the value stays."""
    core.receive_and_drain(issue(1, 0))
    give_token(core)
    core.tracker.snapshots["501#1"] = found
    core.receive_and_drain(FETCH_NEEDED)
    assert core.value() == value
    row = core.rows(tables.fetch_request)[0]
    assert row.outcome == outcome
    refused = core.rows(tables.connection)[0].refused_reason
    assert refused == ("401" if isinstance(found, Refused) else None)
    assert (row.buried_at is not None) is isinstance(found, Rejected)


@pytest.mark.parametrize(
    ("scope", "outcome", "value"),
    [
        (None, "acme/checkout#1: named, so it will be fetched", 100),
        (CHECKOUT, "acme/checkout#1: named, so it will be fetched", 100),
        (ScopeRef("777", "acme/elsewhere"), "acme/checkout#1: ignored, because acme/elsewhere is not watched", 0),
    ],
)
def test_another_identity_of_an_issue_leads_to_a_fetch_of_it(
    core: CoreHarness, scope: ScopeRef | None, outcome: str, value: float
) -> None:
    """Each identity has a row and the issue has one; an issue in an unwatched scope is not fetched."""
    core.receive_and_drain(issue(1, 0))
    give_token(core)
    core.tracker.snapshots["node:1"] = ResolvedTo(
        FetchNeeded(identity="501#1", key="acme/checkout#1", reason="named", scope=scope)
    )
    core.tracker.snapshots["501#1"] = done(1, 1)
    core.receive_and_drain(FetchNeeded(identity="node:1", key="a node", reason="named by a node id"))
    assert core.value() == value
    fetched = {row.identity: row.outcome for row in core.rows(tables.fetch_request)}
    assert fetched.pop("node:1") == outcome
    assert list(fetched) == (["501#1"] if value else [])


@pytest.mark.parametrize(
    "retried_at",
    [lambda tx: database_now(tx) - timedelta(hours=2), lambda tx: database_now(tx) + timedelta(days=2)],
    ids=["long ago", "before the clock was stepped back"],
)
def test_a_refused_connection_is_tried_again_after_an_hour(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, retried_at: Callable[[sa.Connection], datetime]
) -> None:
    """The tracker does not tell us when the credentials work again."""
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.0)
    give_token(core)
    core.tracker.snapshots["501#1"] = Refused("401")
    core.receive_and_drain(FETCH_NEEDED)
    core.tracker.snapshots["501#1"] = issue(1, 0)
    core.make_due(tables.fetch_request)
    core.drain()
    assert "waits until the connection works again" in core.rows(tables.fetch_request)[0].outcome
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(retried_at=retried_at(tx)))
    core.make_due(tables.fetch_request)
    core.drain()
    assert core.rows(tables.fetch_request)[0].outcome == "acme/checkout#1: applied, opened"
    assert core.rows(tables.connection)[0].refused_reason is None


def test_a_fetch_that_fails_by_a_bug_is_retried(core: CoreHarness) -> None:
    """The outcome has the error."""
    give_token(core)
    core.tracker.snapshots["501#1"] = "no snapshot at all"  # type: ignore[assignment]  # this is the bug
    core.receive_and_drain(FETCH_NEEDED)
    row = core.rows(tables.fetch_request)[0]
    assert row.due_at is not None
    assert "Error" in row.outcome
