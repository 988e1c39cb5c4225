"""The first poll of a scope whose earlier issues are ignored misses nothing, whatever the tracker's clock says."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulator import GitHub, Jira
from sync_service.runtime.wiring import Services
from sync_service.store.jobs import polls
from tests.flows.harness import GitHubHarness, ServicesHarness, clock_of
from tests.flows.jira_harness import JiraHarness, labelled
from tests.support.config_file import LABELLED, github, jira, okrs

BEHIND = polls.OVERLAP - timedelta(minutes=1)


@pytest.fixture(params=[BEHIND, timedelta(0), -BEHIND], ids=["behind", "equal", "ahead"])
def difference(request: pytest.FixtureRequest) -> timedelta:
    """Return how far the tracker's clock is behind ours."""
    found: timedelta = request.param
    return found


@pytest.fixture
def on_github(services: Services, difference: timedelta) -> Iterator[GitHubHarness]:
    """Yield a GitHub whose issues are polled from now on."""
    clock = clock_of(difference)
    with GitHub("acme", clock=clock) as hub:
        harness = GitHubHarness(services, hub, clock)
        harness.apply(okrs(github(hub, earlier="ignore")))
        yield harness


@pytest.fixture(params=[False, True], ids=["cloud", "data center"])
def on_jira(request: pytest.FixtureRequest, services: Services, difference: timedelta) -> Iterator[JiraHarness]:
    """Yield a Jira whose issues are polled from now on."""
    clock = clock_of(difference)
    with Jira(clock=clock, data_center=request.param) as site:
        harness = JiraHarness(services, site, clock)
        rule = {"slug": "seen", "connection": "jira", "key_result": "KR-1", "when": LABELLED}
        harness.apply(okrs(jira(site, earlier="ignore"), rules=[rule]))
        yield harness


def check(harness: ServicesHarness, keys: list[str]) -> None:
    """Check that the issues that were just made are found by the first poll, and those made later by the next one."""
    harness.poll_now()
    assert harness.linked() == keys


def test_the_first_poll_of_github_sees_what_changed_since_the_scope_was_added(on_github: GitHubHarness) -> None:
    """As each later poll does."""
    on_github.open_issues(1)
    check(on_github, ["acme/checkout#1"])
    on_github.open_issues(1, apart=1)
    check(on_github, ["acme/checkout#1", "acme/checkout#2"])


def test_the_first_poll_of_jira_sees_what_changed_since_the_scope_was_added(on_jira: JiraHarness) -> None:
    """As each later poll does."""
    on_jira.shop.create_issues(1, labelled)
    check(on_jira, ["SHOP-1"])
    on_jira.clock.step(1)
    on_jira.shop.create_issues(1, labelled)
    check(on_jira, ["SHOP-1", "SHOP-2"])
