"""The demo's random work after the scenario."""

import random

import pytest

from simulator import GitHub, Jira
from simulator.demo import github_scenario, jira_scenario
from simulator.demo.background_activity import in_github, in_jira
from simulator.demo.expectations import tracked_issues

NOWHERE = "http://127.0.0.1:9/hooks"
"""Nothing is delivered: the trackers are not started."""

STATES = {
    "opened": "open",
    "created": "open",
    "reopened": "open",
    "closed": "done",
    "done": "done",
    "closed as not planned": "dropped",
    "closed as Won't Do": "dropped",
}


@pytest.mark.slow
def test_random_work_does_what_it_writes() -> None:
    """300 times in each tracker: the named issue has the named state, and every kind of change occurs."""
    hub, jira = GitHub("acme"), Jira()
    try:
        checkout, returns = github_scenario.found(hub), jira_scenario.found(jira)
        for story in (github_scenario.past(hub, checkout), jira_scenario.past(jira, returns)):
            assert list(story)
        github_scenario.connect(hub, checkout, NOWHERE, "hush-hush")
        jira_scenario.connect(jira, returns, NOWHERE, "hush-hush")
        chance = random.Random(7)  # noqa: S311  the same work in every run, not a secret
        text = set()
        for number in range(600):
            outcome = in_jira(jira, returns, chance) if number % 2 else in_github(hub, checkout, chance)
            name, key, happened = outcome.split(" ", 2)
            found = {one.key: one.state for one in tracked_issues(hub, jira)}
            assert found[key] == STATES[happened]
            text.add((name, happened))
        assert {happened for _, happened in text} == set(STATES)
    finally:
        hub.stop()
        jira.stop()
