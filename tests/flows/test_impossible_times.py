"""Times that can't be, and a tracker that goes back: values follow what is true now, and outcomes say what happened."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from simulator import Jira
from sync_service.domain.trackers.observations import FetchNeeded, State
from sync_service.domain.trackers.plausible_times import TOLERANCE
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.domain.factories import at
from tests.flows.harness import clock_of
from tests.flows.issue_factory import done, issue
from tests.flows.test_fetch_issues import give_token
from tests.flows.test_jira_poll_scopes import JiraPollHarness
from tests.support.fake_tracker import CoreHarness

FAR = datetime(2099, 1, 1, tzinfo=UTC)


def test_a_change_dated_in_the_far_future_does_not_freeze_its_issue(core: CoreHarness) -> None:
    """Without credentials the next delivery wins."""
    delivery = core.receive_and_drain(issue(1, 0, updated_at=FAR))
    assert "ahead of our clock, and there are no credentials to fetch it with" in core.outcome(delivery)
    assert core.rows(tables.issue)[0].updated_at == core.now + TOLERANCE
    core.now += timedelta(minutes=1)
    core.receive_and_drain(done(1, (core.now - at(0)).total_seconds()))
    assert core.value() == 100


def test_a_change_dated_in_the_far_future_is_fetched(core: CoreHarness) -> None:
    """The tracker's own answer wins over the delivery, although its time is earlier."""
    give_token(core)
    core.tracker.snapshots["501#1"] = done(1, 5)
    core.receive_and_drain(issue(1, 0, updated_at=FAR, title="A wrong clock"))
    assert core.value() == 100
    assert core.rows(tables.issue)[0].title == "Pay by card"
    assert core.rows(tables.fetch_request)[0].outcome == "acme/checkout#1: applied, closed as done, renamed"


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_fetch_of_an_older_change_wins_only_long_after_the_newer_one_was_received(
    core: CoreHarness, minutes: int
) -> None:
    """Shortly after, the tracker's API may lag. Later, the tracker was restored from a backup."""
    give_token(core)
    core.tracker.snapshots["501#1"] = issue(1, 0)
    core.receive_and_drain(done(1, 50))
    core.now += timedelta(minutes=minutes)
    core.receive_and_drain(FetchNeeded(identity="501#1", key="acme/checkout#1", reason="the delivery is partial"))
    assert core.value() == (100 if minutes == 1 else 0)
    outcome = {1: "nothing new, something newer is known", 60: "applied, reopened"}[minutes]
    assert core.rows(tables.fetch_request)[0].outcome == f"acme/checkout#1: {outcome}"


def test_a_label_added_to_closed_work_does_not_move_it_into_another_cycle(core: CoreHarness) -> None:
    """The tracker says no date of closing, so the first time counts at which the issue was known to be closed."""
    before_cycle = datetime(2026, 9, 30, tzinfo=UTC)
    key_result_id = core.key_result("KR-2", kind="done-count", within="cycle")
    core.rule("two", key_result_id, {"field": "labels", "has": "checkout"})
    core.receive_and_drain(issue(1, 0, state=State.DONE, updated_at=before_cycle))
    core.receive_and_drain(issue(1, 50, state=State.DONE, title="Pay by card, edited"))
    assert core.value("KR-2") == 0
    row = core.rows(tables.issue)[0]
    assert (row.closed_at, row.closed_at_source) == (before_cycle, "first_seen")


@pytest.mark.slow
def test_polls_notice_that_a_jira_was_restored_from_a_backup(services: Services) -> None:
    """A project listed with an older change than was known for an hour is fetched, and that answer wins."""
    clock = clock_of(timedelta(days=3))
    with Jira(clock=clock) as site:
        harness = JiraPollHarness(services, site, clock)
        pay, other = (harness.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Other"))
        backup = site.issues.backup()
        clock.step(3600)
        for one in (pay, other):
            one.transition("Done", resolution="Done")
        harness.furnish()
        harness.poll_now()
        assert harness.value() == 100
        site.issues.restore(backup)
        with writing(services.engine) as tx:
            earlier = datetime.now(UTC) - timedelta(hours=1)
            tx.execute(sa.update(tables.issue).values(received_at=earlier, seen_at=earlier))
            tx.execute(sa.update(tables.poll).values(since=earlier - timedelta(days=9)))
        harness.poll_now()
        assert harness.value() == 0
