"""Redelivery: request failed deliveries again from the simulator, once, in time, and no others."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from connectors.github.redelivery import failed_deliveries as missing
from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import RETRY_DELAYS
from simulator.endless_lists import EndlessList
from simulator.github import Rules
from sync_service.domain import listing
from sync_service.domain.trackers.connector import Unavailable
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.redelivery_fixture import RedeliveryFixture, add_webhooks, open_harness, refuse_calls

SOON, USUAL = redeliver.SOON, None


@pytest.fixture
def harness(ghes: str) -> Iterator[RedeliveryFixture]:
    """Yield the fixture."""
    with open_harness(ghes=ghes) as made:
        yield made


KINDS = ("app", "organization", "repository")


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_delivery_is_requested_once_and_arrives(harness: RedeliveryFixture, kind: str) -> None:
    """For each kind of webhook. Then there is nothing left to do."""
    add_webhooks(harness, kind)
    harness.fail_deliveries()
    harness.wait()
    ran = harness.run()
    assert ran.outcome.startswith("1 failed delivery requested again, 1 still missing, 0 given up")
    assert harness.titles() == ["Pay 0"]
    for _ in range(2):
        harness.wait()
        ran = harness.run()
    assert ran.outcome == "0 failed deliveries requested again, 0 still missing, 0 given up; 1 have arrived since"
    assert (ran.next_run_in, harness.redeliveries_requested()) == (USUAL, 1)


def test_a_recent_delivery_is_left_alone_for_a_minute(harness: RedeliveryFixture) -> None:
    """It may still be under way."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    assert (harness.run().next_run_in, harness.redeliveries_requested()) == (USUAL, 0)
    harness.wait()
    harness.run()
    assert harness.redeliveries_requested() == 1


def test_a_delivery_without_a_response_is_failed_too(harness: RedeliveryFixture) -> None:
    """GitHub's own filter does not show it."""
    add_webhooks(harness, "repository")
    harness.hub.webhooks.lose_next()
    harness.repository.issues[1].close()
    harness.wait()
    harness.run()
    assert [one.name for one in harness.receiver.received] == ["issues.closed"]


def test_deliveries_that_arrived_in_another_request_are_not_requested(harness: RedeliveryFixture) -> None:
    """By another webhook or a manual redelivery. All attempts of a delivery have one guid."""
    add_webhooks(harness, "organization")
    add_webhooks(harness, "repository")
    harness.receiver.answers.extend([503, 202])
    harness.repository.issues[1].edit(title="Told once")
    harness.receiver.answers.extend([503, 503])
    harness.repository.issues[1].edit(title="Told in vain")
    harness.hub.redeliver(harness.hub.deliveries[-2])
    harness.wait()
    harness.run()
    assert harness.redeliveries_requested() == 0


def test_ignored_or_unwatched_deliveries_are_not_requested(harness: RedeliveryFixture) -> None:
    """If the id of every scope is known."""
    add_webhooks(harness, "organization")
    milestone = harness.repository.create_milestone("v1")
    harness.receiver.answers.extend([503] * 3)
    milestone.close()
    harness.hub.repository("attic").create_issue("Elsewhere")
    harness.wait()
    harness.run()
    assert harness.redeliveries_requested() == 0
    harness.memory = None
    harness.run(scopes=[ScopeRef("", harness.repository.full_name)])
    assert harness.redeliveries_requested() == 1


def test_a_delivery_that_fails_repeatedly_is_given_up(harness: RedeliveryFixture) -> None:
    """After growing waits. Its row is deleted once GitHub no longer lists it."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    for pause in RETRY_DELAYS:
        harness.receiver.answers.append(500)
        harness.clock.step(pause.total_seconds() - 2)
        before = harness.redeliveries_requested()
        harness.run()
        assert harness.redeliveries_requested() == before
        harness.clock.step(4)
        harness.run()
        assert harness.redeliveries_requested() == before + 1
    harness.wait(timedelta(hours=12))
    ran = harness.run()
    assert harness.redeliveries_requested() == len(RETRY_DELAYS)
    assert "0 still missing, 1 given up" in ran.outcome
    harness.wait(redeliver.WINDOW_OF_ENTERPRISE_SERVER)
    assert "0 still missing, 0 given up" in harness.run().outcome


@pytest.mark.slow
def test_many_are_requested_in_small_batches_a_second_apart(harness: RedeliveryFixture) -> None:
    """Oldest first, because those expire first."""
    harness.hub.limits.switch_on()
    add_webhooks(harness, "repository")
    harness.fail_deliveries(20)
    harness.wait()
    waits: list[timedelta | None] = []
    while not waits or waits[-1] is not None:
        waits.append(harness.run().next_run_in)
        harness.wait(SOON)
    assert waits == [SOON, SOON, USUAL]
    assert harness.titles() == [f"Pay {number}" for number in range(20)]
    assert harness.slept == [1.0] * (7 + 7 + 3)


def test_a_killed_run_causes_no_extra_requests(harness: RedeliveryFixture) -> None:
    """The next run sees the requests in GitHub's list."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries(2)
    harness.wait()
    harness.receiver.answers.extend([202, 500])
    before = harness.memory
    harness.run()
    assert harness.redeliveries_requested() == 2
    harness.memory = before
    harness.wait()
    harness.run()
    assert harness.redeliveries_requested() == 2, "one has come, the other waits for its longer pause"
    harness.wait(RETRY_DELAYS[1])
    harness.run()
    assert harness.redeliveries_requested() == 3
    assert harness.titles() == ["Pay 0", "Pay 1", "Pay 1"]


def test_expired_deliveries_are_not_requested(harness: RedeliveryFixture) -> None:
    """GitHub keeps them three days, an Enterprise Server seven."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    harness.clock.step(timedelta(days=4).total_seconds())
    harness.run()
    assert harness.redeliveries_requested() == (1 if harness.hub.ghes else 0)


def test_a_rate_limit_ends_the_run_and_loses_nothing(harness: RedeliveryFixture) -> None:
    """GitHub's list shows what was already requested."""
    if harness.hub.ghes:
        harness.hub.limits.switch_on(Rules(writes_per_minute=1, status=429))
    else:
        harness.hub.limits.switch_on(Rules(writes_per_minute=1))
    add_webhooks(harness, "repository")
    harness.fail_deliveries(3)
    harness.wait()
    for number in range(3):
        if number < 2:
            with pytest.raises(Unavailable) as caught:
                harness.run()
            assert (caught.value.bucket, caught.value.guessed) == ("token", False)
        else:
            harness.run()
        assert harness.titles() == [f"Pay {one}" for one in range(number + 1)]
        harness.wait(timedelta(minutes=2))


@pytest.mark.parametrize("status", [400, 422])
def test_a_delivery_that_can_not_be_redelivered_stops_no_other(harness: RedeliveryFixture, status: int) -> None:
    """It is given up, although the oldest is requested first."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries(3)
    harness.wait()
    refused: list[str] = []

    def is_first(url: str, _params: Mapping[str, str]) -> bool:
        if url.endswith("/attempts") and url not in refused and not harness.receiver.received:
            refused.append(url)
        return url in refused[:1]

    refuse_calls(harness, status=status, when=is_first)
    assert harness.run().outcome.startswith("2 failed deliveries requested again, 2 still missing, 1 given up")
    assert harness.titles() == ["Pay 1", "Pay 2"]


def test_failures_beyond_the_storage_limit_are_counted(
    harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polls find the changes of the rest."""
    monkeypatch.setattr(missing, "MOST_KEPT", 2)
    add_webhooks(harness, "repository")
    harness.fail_deliveries(3)
    harness.wait()
    assert harness.run().outcome.endswith("; 1 more failed than can be stored")


@pytest.mark.parametrize("memory", ["nonsense", "{}", "[]", '{"hooks": {"/a": {}}, "missed": {}}'])
def test_the_memory_of_another_version_is_dropped(harness: RedeliveryFixture, memory: str) -> None:
    """GitHub's lists contain everything needed."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    harness.wait()
    harness.memory = memory
    harness.run()
    assert harness.redeliveries_requested() == 1


@pytest.mark.parametrize("kind", list(EndlessList))
def test_a_list_of_deliveries_that_does_not_end_is_given_up_and_said(
    harness: RedeliveryFixture, kind: EndlessList
) -> None:
    """In every run anew, with a few calls, and the next run comes after the usual time."""
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    harness.wait()
    harness.hub.endless = kind
    for _ in range(2):
        before = len(harness.hub.rest.calls)
        ran = harness.run()
        assert len(harness.hub.rest.calls) - before < 10
        assert ran.problem is not None
        assert "does not end" in ran.problem
        assert ran.problem in ran.outcome
        assert ran.next_run_in == USUAL
    harness.hub.endless = None
    assert harness.run().problem is None


@pytest.mark.slow
def test_a_list_of_deliveries_is_read_up_to_a_bound_in_all_runs_together(
    harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run reads a part of it; a list with new rows for ever would keep them busy for ever."""
    monkeypatch.setattr(redeliver, "_PER_PAGE", 1)
    monkeypatch.setattr(redeliver, "MOST_PAGES", 4)
    monkeypatch.setattr(listing, "MOST_PAGES", 10)
    add_webhooks(harness, "repository")
    harness.fail_deliveries(30)
    problems = [harness.run().problem for _ in range(6)]
    assert [problem for problem in problems if problem and listing.LONG in problem]
    assert problems[0] is None
