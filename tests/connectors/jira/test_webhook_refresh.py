"""Webhooks of an OAuth app on the simulated Jira: registered, accepted, refreshed for months, registered again."""

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


class RefreshHarness:
    """A Jira with its gateway, a receiver, and the connector with a consent."""

    def __init__(self, tracker: simulator.Jira, gateway: Atlassian, receiver: Receiver, clock: SteppedClock) -> None:
        self.gateway, self.receiver, self.clock, self.tracker = gateway, receiver, clock, tracker
        self.shop: Project = tracker.project("SHOP")
        self.jira = Jira(HttpClient(now=clock), hosts=Hosts(auth=gateway.url, api=gateway.url))
        self.memory: str | None = None

    def run(self) -> TaskResult:
        """Run the scheduled task with its memory."""
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

    def receives_changes(self) -> bool:
        """Return whether a change is delivered."""
        before = len(self.receiver.received)
        self.shop.create_issue("Pay").start()
        return len(self.receiver.received) == before + 2


@pytest.fixture
def harness() -> Iterator[RefreshHarness]:
    """Yield a harness at the present time."""
    clock = SteppedClock()
    with (
        simulator.Jira(clock=clock, background=False) as tracker,
        Atlassian({SITE_ID: tracker}, clock=clock, client_secret=SECRET) as gateway,
        Receiver() as receiver,
    ):
        yield RefreshHarness(tracker, gateway, receiver, clock)


def test_deliveries_of_a_registered_webhook_are_accepted(harness: RefreshHarness) -> None:
    """Only the app's secret counts; a token with another signature is refused."""
    assert harness.run().outcome.startswith("registered, for SHOP")
    assert harness.receives_changes()
    message = harness.receiver.received[-1]
    post = WebhookRequest({name.lower(): value for name, value in message.headers.items()}, message.body)
    assert harness.jira.verify(post, [], OAuthClient("id", SECRET))
    assert not harness.jira.verify(post, [], OAuthClient("id", SECRET[::-1]))
    harness.tracker.webhooks.forge_next()
    harness.shop.create_issue("Pay")
    delivery = harness.receiver.received[-1]
    assert not harness.jira.verify(
        WebhookRequest({name.lower(): text for name, text in delivery.headers.items()}, delivery.body),
        [SECRET],
        OAuthClient("id", SECRET),
    )


@pytest.mark.slow
def test_one_webhook_is_kept_for_months(harness: RefreshHarness) -> None:
    """By one run a day."""
    for _ in range(70):
        harness.run()
        harness.clock.step(DAY)
        assert harness.receives_changes()
    assert len(harness.tracker.dynamic_webhooks._hooks) == 1


def test_an_expired_webhook_is_registered_again(harness: RefreshHarness) -> None:
    """For example if the service was down for longer than it is valid."""
    harness.run()
    harness.clock.step(31 * DAY)
    assert not harness.receives_changes()
    assert harness.run().outcome.startswith("registered, for SHOP")
    assert harness.receives_changes()
