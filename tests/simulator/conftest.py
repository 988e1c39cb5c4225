"""What the simulator's tests share: a receiver, and both trackers, delivering before each operation returns."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from simulator import GitHub, Jira, SteppedClock
from simulator.github import Repository
from simulator.jira import Project
from tests.simulator.receiver import Receiver

SECRET = "It's a Secret to Everybody"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> SteppedClock:
    """Give a clock that stands at ten o'clock and a bit."""
    return SteppedClock(datetime(2026, 11, 23, 10, 0, 0, 123_456, tzinfo=UTC))


@pytest.fixture
def hub(clock: SteppedClock) -> Iterator[GitHub]:
    """Give a GitHub that runs and delivers before each operation returns."""
    with GitHub("acme", clock=clock, background=False) as hub:
        yield hub


@pytest.fixture
def checkout(hub: GitHub, receiver: Receiver) -> Repository:
    """Give a repository with a hook that tells the receiver, its ping forgotten."""
    repository = hub.repository("checkout")
    hub.add_hook(repository, url=receiver.url, secret=SECRET)
    receiver.forget()
    return repository


@pytest.fixture
def jira(clock: SteppedClock) -> Iterator[Jira]:
    """Give a Jira Cloud that runs and delivers before each operation returns."""
    with Jira(clock=clock, background=False) as jira:
        yield jira


@pytest.fixture
def shop(jira: Jira, receiver: Receiver) -> Project:
    """Give a project whose site tells the receiver."""
    jira.add_hook(url=receiver.url, secret=SECRET)
    return jira.project("SHOP", "Shop")


@pytest.fixture
def data_center(clock: SteppedClock, receiver: Receiver) -> Iterator[Jira]:
    """Give a Jira Data Center that tells the receiver."""
    with Jira(clock=clock, background=False, data_center=True) as jira:
        jira.add_hook(url=receiver.url, secret=SECRET)
        yield jira
