"""The work that goes on at random after the demo's story."""

import random

from simulator import GitHub, Jira
from simulator.demo import github_story, jira_story
from simulator.demo.aims import work_in
from simulator.demo.living import in_github, in_jira

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


def test_what_goes_on_at_random_is_what_is_told() -> None:
    """Three hundred times in each tracker: the issue that is named stands as it is said, and everything occurs."""
    hub, jira = GitHub("acme"), Jira()
    try:
        checkout = github_story.furnish(hub, NOWHERE, "hush")
        returns = jira_story.furnish(jira, NOWHERE, "hush")
        chance = random.Random(7)  # noqa: S311  the same work in every run, not a secret
        told = set()
        for number in range(600):
            said = in_jira(jira, returns, chance) if number % 2 else in_github(hub, checkout, chance)
            name, key, happened = said.split(" ", 2)
            found = {one.key: one.state for one in work_in(hub, jira)}
            assert found[key] == STATES[happened]
            told.add((name, happened))
        assert {happened for _, happened in told} == set(STATES)
    finally:
        hub.stop()
        jira.stop()
