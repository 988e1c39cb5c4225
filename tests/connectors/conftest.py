"""Fixtures: simulated trackers in each edition, and mocked responses."""

from collections.abc import Iterator

import pytest
import responses

from simulator import GitHub, Jira, SteppedClock
from tests.connectors.github.app_fixture import START, GitHubAppFixture


@pytest.fixture
def clock() -> SteppedClock:
    """Return a stepped clock at ten o'clock."""
    return SteppedClock(START)


@pytest.fixture
def tracker(clock: SteppedClock, *, data_center: bool) -> Iterator[Jira]:
    """Yield a simulated Jira, Cloud or Data Center."""
    with Jira(clock=clock, background=False, data_center=data_center) as made:
        yield made


@pytest.fixture(params=["", "3.17"], ids=["github.com", "enterprise"])
def ghes(request: pytest.FixtureRequest) -> str:
    """Run the test with "" for github.com, and with the version of an Enterprise Server."""
    version: str = request.param
    return version


@pytest.fixture
def harness(clock: SteppedClock) -> Iterator[GitHubAppFixture]:
    """Yield a GitHub with an app that is not installed yet."""
    with GitHub("acme", clock=clock, background=False) as hub:
        yield GitHubAppFixture(hub, clock)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    """Yield mocked responses of a tracker; every one must be requested."""
    with responses.RequestsMock() as made:
        yield made
