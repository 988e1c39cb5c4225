"""Random work after the scenario, so that a person with an open browser sees key results move."""

import random
import time
from collections.abc import Callable
from functools import partial

import requests

from simulator.demo.expectations import ValueChange
from simulator.demo.github_scenario import LABELLED, Checkout
from simulator.demo.github_scenario import key as key_of
from simulator.demo.harness import Harness
from simulator.demo.jira_scenario import Returns
from simulator.github import GitHub
from simulator.jira import Jira

PAUSES = (3.0, 7.0)
"""Seconds between two changes."""

WATCHED = 3.0
"""Seconds to wait for an effect. The person who watches may edit rules, so no effect is expected."""


def run_forever(harness: Harness, checkout: Checkout, returns: Returns) -> None:
    """Change issues at random until the process is stopped."""
    chance = random.Random()  # noqa: S311  what happens next, not a secret
    while True:
        time.sleep(chance.uniform(*PAUSES))
        do = chance.choice([partial(in_github, harness.hub, checkout), partial(in_jira, harness.jira, returns)])
        try:
            _happen(harness, partial(do, chance))
        except requests.RequestException as error:
            harness.terminal.problem(f"the service does not answer ({type(error).__name__}); waiting for it")
            harness.service.wait_until_ready()


def _happen(harness: Harness, do: Callable[[], str]) -> None:
    before = dict(harness.watcher.poll().values)
    text = do()
    began, deadline = time.monotonic(), time.monotonic() + WATCHED
    harness.terminal.happened(*text.split(" ", 1))
    while time.monotonic() < deadline:
        seen = harness.watcher.poll()
        moved = [slug for slug in before if seen.values.get(slug) != before[slug]]
        for slug in moved:
            move = ValueChange(harness.key_results[slug], before[slug], seen.values[slug])
            harness.terminal.moved(move, seen.since[slug] - began)
            before[slug] = seen.values[slug]
        harness.service.check()
        time.sleep(0.02)


def in_github(hub: GitHub, checkout: Checkout, chance: random.Random) -> str:
    """Change something in GitHub; return a text that begins with GitHub's name."""
    with hub.acting_as(chance.choice(["ana", "bruno", "chen", "dana"])):
        issue = chance.choice([one for repository in hub.repositories for one in repository.issues.values()])
        if issue.closed and chance.random() < 0.4:
            issue.reopen()
            return f"GitHub {key_of(issue)} reopened"
        if issue.closed or chance.random() < 0.3:
            bug = chance.random() < 0.4
            repository = checkout.payments if bug else checkout.repository
            made = repository.create_issue(
                *_title(chance), labels=() if bug else LABELLED, type="Bug" if bug else "Feature"
            )
            return f"GitHub {key_of(made)} opened"
        dropped = chance.random() < 0.2
        issue.close(reason="not_planned" if dropped else "completed")
        return f"GitHub {key_of(issue)} closed{' as not planned' if dropped else ''}"


def in_jira(jira: Jira, returns: Returns, chance: random.Random) -> str:
    """Change something in Jira; return a text that begins with Jira's name."""
    with jira.acting_as(chance.choice(["ana", "bruno", "chen", "dana"])):
        issue = chance.choice(list(jira.issues.values()))
        ended = issue.status.category.key == "done"
        if ended and chance.random() < 0.4:
            issue.reopen()
            return f"Jira {issue.key} reopened"
        if ended or chance.random() < 0.3:
            if chance.random() < 0.4:
                made = returns.pay.create_issue(*_title(chance), type="Bug")
            else:
                made = returns.shop.create_issue(*_title(chance), points=chance.choice([1, 2, 3, 5]))
            return f"Jira {made.key} created"
        if chance.random() < 0.2:
            issue.drop()
            return f"Jira {issue.key} closed as Won't Do"
        issue.finish()
        return f"Jira {issue.key} done"


def _title(chance: random.Random) -> tuple[str]:
    verb = chance.choice(["Simplify", "Mend", "Explain", "Speed up", "Translate"])
    return (f"{verb} the {chance.choice(['form', 'receipt', 'price list', 'search', 'mail', 'basket'])}",)
