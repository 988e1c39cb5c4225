"""Simulated trackers in each of their editions, and one of which a test says what it answers."""

from collections.abc import Iterator

import pytest
import responses

from simulator import GitHub, Jira, SteppedClock
from tests.connectors.app_town import START, AppTown


@pytest.fixture
def clock() -> SteppedClock:
    """Give a clock that stands at ten o'clock."""
    return SteppedClock(START)


@pytest.fixture
def tracker(clock: SteppedClock, *, data_center: bool) -> Iterator[Jira]:
    """Give a simulated Jira with either face."""
    with Jira(clock=clock, background=False, data_center=data_center) as made:
        yield made


@pytest.fixture(params=["", "3.17"], ids=["github.com", "enterprise"])
def ghes(request: pytest.FixtureRequest) -> str:
    """Give the versions of GitHub, one after the other: none for github.com, else that of an Enterprise Server."""
    version: str = request.param
    return version


@pytest.fixture
def town(clock: SteppedClock) -> Iterator[AppTown]:
    """Give a GitHub with an app that is not installed yet."""
    with GitHub("acme", clock=clock, background=False) as hub:
        yield AppTown(hub, clock)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    """Stand in for a tracker; every answer prepared must be asked for."""
    with responses.RequestsMock() as made:
        yield made
