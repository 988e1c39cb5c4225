"""Missed deliveries of a simulated GitHub are asked for again, by real calls: once, in time, and no others."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from connectors.github.redelivery import failed_deliveries as missing
from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import RETRY_DELAYS
from simulator.github import Rules
from sync_service.domain.trackers.connector import Unavailable
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.redelivery_fixture import RedeliveryFixture, hooked, open_town, refusing

SOON, USUAL = redeliver.SOON, None


@pytest.fixture
def town(ghes: str) -> Iterator[RedeliveryFixture]:
    """Give a town."""
    with open_town(ghes=ghes) as made:
        yield made


KINDS = ("app", "organization", "repository")


@pytest.mark.parametrize("kind", KINDS)
def test_a_missed_delivery_is_asked_for_once_and_comes(town: RedeliveryFixture, kind: str) -> None:
    """Whichever hook it was to come by; then there is nothing more to do."""
    hooked(town, kind)
    town.fail_deliveries()
    town.wait()
    ran = town.run()
    assert ran.outcome.startswith("1 failed deliveries requested again, 1 still missing, 0 given up")
    assert town.titles() == ["Pay 0"]
    for _ in range(2):
        town.wait()
        ran = town.run()
    assert ran.outcome == "0 failed deliveries requested again, 0 still missing, 0 given up; 1 have arrived since"
    assert (ran.next_run_in, town.redeliveries_requested()) == (USUAL, 1)


def test_what_was_just_sent_is_left_alone_for_a_minute(town: RedeliveryFixture) -> None:
    """It may be on its way."""
    hooked(town, "repository")
    town.fail_deliveries()
    assert (town.run().next_run_in, town.redeliveries_requested()) == (USUAL, 0)
    town.wait()
    town.run()
    assert town.redeliveries_requested() == 1


def test_one_that_nobody_answered_is_missed_too(town: RedeliveryFixture) -> None:
    """GitHub's own filter does not show it."""
    hooked(town, "repository")
    town.hub.webhooks.lose_next()
    town.repository.issues[1].close()
    town.wait()
    town.run()
    assert [one.name for one in town.receiver.received] == ["issues.closed"]


def test_what_came_by_another_hook_or_by_hand_is_not_asked_for(town: RedeliveryFixture) -> None:
    """Attempts of one delivery have one guid, whoever's hook they are."""
    hooked(town, "organization")
    hooked(town, "repository")
    town.receiver.answers.extend([503, 202])
    town.repository.issues[1].edit(title="Told once")
    town.receiver.answers.extend([503, 503])
    town.repository.issues[1].edit(title="Told in vain")
    town.hub.redeliver(town.hub.deliveries[-2])
    town.wait()
    town.run()
    assert town.redeliveries_requested() == 0


def test_what_we_would_ignore_or_do_not_watch_is_not_asked_for(town: RedeliveryFixture) -> None:
    """Where every scope's id is known."""
    hooked(town, "organization")
    milestone = town.repository.create_milestone("v1")
    town.receiver.answers.extend([503] * 3)
    milestone.close()
    town.hub.repository("attic").create_issue("Elsewhere")
    town.wait()
    town.run()
    assert town.redeliveries_requested() == 0
    town.memory = None
    town.run(scopes=[ScopeRef("", town.repository.full_name)])
    assert town.redeliveries_requested() == 1


def test_one_that_fails_again_and_again_is_given_up(town: RedeliveryFixture) -> None:
    """After growing pauses; once it is no longer listed, it is forgotten."""
    hooked(town, "repository")
    town.fail_deliveries()
    for pause in RETRY_DELAYS:
        town.receiver.answers.append(500)
        town.clock.step(pause.total_seconds() - 2)
        before = town.redeliveries_requested()
        town.run()
        assert town.redeliveries_requested() == before
        town.clock.step(4)
        town.run()
        assert town.redeliveries_requested() == before + 1
    town.wait(timedelta(hours=12))
    ran = town.run()
    assert town.redeliveries_requested() == len(RETRY_DELAYS)
    assert "0 still missing, 1 given up" in ran.outcome
    town.wait(redeliver.WINDOW_OF_ENTERPRISE_SERVER)
    assert "0 still missing, 0 given up" in town.run().outcome


def test_many_are_asked_for_a_few_at_a_time_and_a_second_apart(town: RedeliveryFixture) -> None:
    """Oldest first: those are the first that can't be asked for any more."""
    town.hub.limits.switch_on()
    hooked(town, "repository")
    town.fail_deliveries(20)
    town.wait()
    waits: list[timedelta | None] = []
    while not waits or waits[-1] is not None:
        waits.append(town.run().next_run_in)
        town.wait(SOON)
    assert waits == [SOON, SOON, USUAL]
    assert town.titles() == [f"Pay {number}" for number in range(20)]
    assert town.slept == [1.0] * (7 + 7 + 3)


def test_a_run_that_is_killed_before_it_notes_asks_no_more_often(town: RedeliveryFixture) -> None:
    """The next one sees in the list what was asked for."""
    hooked(town, "repository")
    town.fail_deliveries(2)
    town.wait()
    town.receiver.answers.extend([202, 500])
    before = town.memory
    town.run()
    assert town.redeliveries_requested() == 2
    town.memory = before
    town.wait()
    town.run()
    assert town.redeliveries_requested() == 2, "one has come, the other waits for its longer pause"
    town.wait(RETRY_DELAYS[1])
    town.run()
    assert town.redeliveries_requested() == 3
    assert town.titles() == ["Pay 0", "Pay 1", "Pay 1"]


def test_what_github_no_longer_keeps_is_not_asked_for(town: RedeliveryFixture) -> None:
    """Three days; seven on an Enterprise Server."""
    hooked(town, "repository")
    town.fail_deliveries()
    town.clock.step(timedelta(days=4).total_seconds())
    town.run()
    assert town.redeliveries_requested() == (1 if town.hub.ghes else 0)


def test_a_limit_in_the_middle_ends_the_run_and_loses_nothing(town: RedeliveryFixture) -> None:
    """What was asked for before it is seen in the list."""
    if town.hub.ghes:
        town.hub.limits.switch_on(Rules(writes_per_minute=1, status=429))
    else:
        town.hub.limits.switch_on(Rules(writes_per_minute=1))
    hooked(town, "repository")
    town.fail_deliveries(3)
    town.wait()
    for number in range(3):
        if number < 2:
            with pytest.raises(Unavailable) as caught:
                town.run()
            assert (caught.value.bucket, caught.value.guessed) == ("token", False)
        else:
            town.run()
        assert town.titles() == [f"Pay {one}" for one in range(number + 1)]
        town.wait(timedelta(minutes=2))


@pytest.mark.parametrize("status", [400, 422])
def test_a_delivery_that_can_not_be_sent_again_stops_no_other(town: RedeliveryFixture, status: int) -> None:
    """It is given up, though it is the oldest, which is asked for first."""
    hooked(town, "repository")
    town.fail_deliveries(3)
    town.wait()
    refused: list[str] = []

    def is_first(url: str, _params: Mapping[str, str]) -> bool:
        if url.endswith("/attempts") and url not in refused and not town.receiver.received:
            refused.append(url)
        return url in refused[:1]

    refusing(town, status=status, when=is_first)
    assert town.run().outcome.startswith("2 failed deliveries requested again, 2 still missing, 1 given up")
    assert town.titles() == ["Pay 1", "Pay 2"]


def test_more_than_can_be_remembered_at_all_is_counted(
    town: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is for lists of what changed to find."""
    monkeypatch.setattr(missing, "MOST_KEPT", 2)
    hooked(town, "repository")
    town.fail_deliveries(3)
    town.wait()
    assert town.run().outcome.endswith("; 1 more failed than can be stored")


@pytest.mark.parametrize("memory", ["nonsense", "{}", "[]", '{"hooks": {"/a": {}}, "missed": {}}'])
def test_what_another_version_remembered_is_forgotten(town: RedeliveryFixture, memory: str) -> None:
    """All there is to know stands in GitHub's lists."""
    hooked(town, "repository")
    town.fail_deliveries()
    town.wait()
    town.memory = memory
    town.run()
    assert town.redeliveries_requested() == 1
