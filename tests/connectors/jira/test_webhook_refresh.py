"""The webhooks of an OAuth app on a simulated Jira: registered, believed, kept alive for months, and made anew."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

import simulator
from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.api.auth import Hosts
from connectors.jira.setup.dynamic_webhooks import TASK_NAME
from simulator import SteppedClock
from simulator.jira import Atlassian, Project
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection, OAuthClient, WebhookRequest
from sync_service.domain.trackers.observations import ScopeRef
from tests.simulator.jira.test_dynamic_webhooks import SITE_ID, token
from tests.simulator.receiver import Receiver

SECRET = "-".join(["a secret for tests"] * 3)
DAY = timedelta(days=1).total_seconds()


class Town:
    """A Jira with its gateway, a receiver, and the connector with a consent."""

    def __init__(self, tracker: simulator.Jira, gateway: Atlassian, receiver: Receiver, clock: SteppedClock) -> None:
        self.gateway, self.receiver, self.clock, self.tracker = gateway, receiver, clock, tracker
        self.shop: Project = tracker.project("SHOP")
        self.jira = Jira(HttpClient(now=clock), hosts=Hosts(auth=gateway.url, api=gateway.url))
        self.memory: str | None = None

    def run(self) -> TaskResult:
        """Run the errand, with what it remembers."""
        connection = Connection(
            slug="jira",
            site="https://acme.atlassian.net",
            client=OAuthClient(self.gateway.client_id, SECRET),
            token=token(self.gateway),
            site_id=SITE_ID,
            hook_url=self.receiver.url,
        )
        scopes = [ScopeRef(self.shop.id, self.shop.key)]
        ran = self.jira.run_task(connection, name=TASK_NAME, scopes=scopes, memory=self.memory)
        self.memory = ran.memory
        return ran

    def hears(self) -> bool:
        """Say whether a change is told."""
        before = len(self.receiver.received)
        self.shop.create_issue("Pay").start()
        return len(self.receiver.received) == before + 2


@pytest.fixture
def town() -> Iterator[Town]:
    """Give a town, at the present time."""
    clock = SteppedClock()
    with (
        simulator.Jira(clock=clock, background=False) as tracker,
        Atlassian({SITE_ID: tracker}, clock=clock, client_secret=SECRET) as gateway,
        Receiver() as receiver,
    ):
        yield Town(tracker, gateway, receiver, clock)


def test_what_a_registered_webhook_brings_is_believed(town: Town) -> None:
    """By the app's secret alone; a forged token is not."""
    assert town.run().outcome.startswith("registered, for SHOP")
    assert town.hears()
    message = town.receiver.received[-1]
    post = WebhookRequest({name.lower(): value for name, value in message.headers.items()}, message.body)
    assert town.jira.verify(post, [SECRET])
    assert not town.jira.verify(post, [SECRET[::-1]])
    town.tracker.webhooks.forge_next()
    town.shop.create_issue("Pay")
    rejected = town.receiver.received[-1]
    assert not town.jira.verify(
        WebhookRequest({name.lower(): text for name, text in rejected.headers.items()}, rejected.body), [SECRET]
    )


def test_a_webhook_is_kept_alive_for_months_and_there_is_only_one(town: Town) -> None:
    """By a run a day."""
    for _ in range(70):
        town.run()
        town.clock.step(DAY)
        assert town.hears()
    assert len(town.tracker.dynamic_webhooks._hooks) == 1


def test_a_webhook_that_died_is_made_anew(town: Town) -> None:
    """After the service was away for longer than it lives."""
    town.run()
    town.clock.step(31 * DAY)
    assert not town.hears()
    assert town.run().outcome.startswith("registered, for SHOP")
    assert town.hears()
