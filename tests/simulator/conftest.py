"""Fixtures: a webhook receiver, and both trackers, which deliver before each operation returns."""

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
    """Return a running webhook receiver."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> SteppedClock:
    """Return a clock at a little after ten o'clock."""
    return SteppedClock(datetime(2026, 11, 23, 10, 0, 0, 123_456, tzinfo=UTC))


@pytest.fixture
def hub(clock: SteppedClock) -> Iterator[GitHub]:
    """Return a GitHub that runs and delivers before each operation returns."""
    with GitHub("acme", clock=clock, background=False) as hub:
        yield hub


@pytest.fixture
def checkout(hub: GitHub, receiver: Receiver) -> Repository:
    """Return a repository with a hook to the receiver, after its ping."""
    repository = hub.repository("checkout")
    hub.add_hook(repository, url=receiver.url, secret=SECRET)
    receiver.forget()
    return repository


@pytest.fixture
def jira(clock: SteppedClock) -> Iterator[Jira]:
    """Return a Jira Cloud that runs and delivers before each operation returns."""
    with Jira(clock=clock, background=False) as jira:
        yield jira


@pytest.fixture
def shop(jira: Jira, receiver: Receiver) -> Project:
    """Return a project of a site with a hook to the receiver."""
    jira.add_hook(url=receiver.url, secret=SECRET)
    return jira.project("SHOP", "Shop")


@pytest.fixture
def data_center(clock: SteppedClock, receiver: Receiver) -> Iterator[Jira]:
    """Return a Jira Data Center with a hook to the receiver."""
    with Jira(clock=clock, background=False, data_center=True) as jira:
        jira.add_hook(url=receiver.url, secret=SECRET)
        yield jira
