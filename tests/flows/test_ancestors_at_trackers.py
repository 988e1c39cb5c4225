"""Rules with `under` at a simulated Jira and GitHub: epics, stories and sub-tasks; sub-issues across repositories."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulator import GitHub, Jira
from sync_service.runtime.wiring import Services
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.flows.jira_harness import DAY, JiraHarness
from tests.support.config_file import github, jira, okrs

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]


@pytest.fixture
def at_jira(services: Services, *, data_center: bool) -> Iterator[JiraHarness]:
    """Yield a Jira with an initiative's epic in PAY, and its story with a sub-task in SHOP."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        harness = JiraHarness(services, site, clock)
        epic = harness.pay.create_issue("Epic", type="Epic")
        story = harness.shop.create_issue("Story", parent=epic)
        harness.shop.create_issue("Step", type="Sub-task", parent=story)
        harness.pay.create_issue("Other epic", type="Epic")
        rule = {"slug": "under", "connection": "jira", "key_result": "KR-1", "when": {"field": "under", "is": "PAY-1"}}
        site.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
        site.webhooks.lose_next(10_000)
        harness.apply(okrs(jira(site, scopes=["SHOP", "PAY"], earlier="import"), rules=[rule]))
        harness.drain()
        harness.received = len(site.deliveries)
        yield harness


def test_a_story_that_gets_another_epic_takes_its_sub_tasks_along(at_jira: JiraHarness) -> None:
    """On Cloud and Data Center: the sub-task gets no webhook. Then its epic moves to another project."""
    site = at_jira.jira
    assert at_jira.linked() == ["SHOP-1", "SHOP-2"]
    story, epic, other = (site.find(key) for key in ("SHOP-1", "PAY-1", "PAY-2"))
    assert story is not None
    assert epic is not None
    for parent, expected in ((other, []), (epic, ["SHOP-1", "SHOP-2"])):
        at_jira.clock.step(60)
        story.set_parent(parent)
        at_jira.receive_webhooks()
        at_jira.drain()
        assert at_jira.linked() == expected
    at_jira.clock.step(60)
    epic.move(at_jira.shop)
    at_jira.receive_webhooks()
    at_jira.drain()
    assert at_jira.linked() == ["SHOP-1", "SHOP-2"], "by its old key"


def test_a_sub_issue_that_gets_another_parent_takes_its_own_along(services: Services) -> None:
    """Across repositories; the issues below get no webhook. Then the one between is transferred, and deleted."""
    clock = clock_of(timedelta(hours=1))
    with receiving(services) as address, GitHub("acme", clock=clock, background=False) as hub:
        plans, checkout = hub.repository("plans"), hub.repository("checkout")
        epic, other = plans.create_issue("Epic"), plans.create_issue("Other")
        story, task = checkout.create_issue("Story"), checkout.create_issue("Task")
        epic.add_sub_issue(story)
        story.add_sub_issue(task)
        for repository in (plans, checkout):
            hub.add_hook(repository, url=f"{address}/hooks/gh", secret="hush-hush")
        harness = GitHubHarness(services, hub, clock)
        when = {"field": "under", "is": "acme/plans#1"}
        rule = {"slug": "under", "connection": "gh", "key_result": "KR-1", "when": when}
        scopes = ["acme/checkout", "acme/plans"]
        harness.apply(okrs(github(hub, scopes=scopes, earlier="import"), rules=[rule]))
        harness.drain()
        assert harness.linked() == ["acme/checkout#1", "acme/checkout#2"]
        clock.step(60)
        other.add_sub_issue(story, replace=True)
        harness.drain()
        assert harness.linked() == []
        clock.step(60)
        epic.add_sub_issue(other)
        harness.drain()
        assert harness.linked() == ["acme/checkout#1", "acme/checkout#2", "acme/plans#2"]
        clock.step(60)
        other.delete()
        harness.drain()
        assert harness.linked() == []
