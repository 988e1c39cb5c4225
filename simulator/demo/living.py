"""After the story: small work goes on at random, so that somebody with the browser open sees key results move."""

import random
import time
from collections.abc import Callable
from functools import partial

import requests

from simulator.demo.aims import Move
from simulator.demo.github_story import LABELLED, Checkout
from simulator.demo.github_story import key as key_of
from simulator.demo.jira_story import Returns
from simulator.demo.stage import Stage
from simulator.github import GitHub
from simulator.jira import Jira

PAUSES = (3.0, 7.0)
"""Seconds between two things that happen."""

WATCHED = 3.0
"""Seconds in which a change is looked for. Whoever watches may edit rules, so nothing is expected here."""


def go_on(stage: Stage, checkout: Checkout, returns: Returns) -> None:
    """Let people work until somebody stops it."""
    chance = random.Random()  # noqa: S311  what happens next, not a secret
    while True:
        time.sleep(chance.uniform(*PAUSES))
        do = chance.choice([partial(in_github, stage.hub, checkout), partial(in_jira, stage.jira, returns)])
        try:
            _happen(stage, partial(do, chance))
        except requests.RequestException as error:
            stage.voice.wrong(f"the service does not answer ({type(error).__name__}); waiting for it")
            stage.service.wait_until_ready()


def _happen(stage: Stage, do: Callable[[], str]) -> None:
    before = dict(stage.watcher.look().values)
    said = do()
    began, deadline = time.monotonic(), time.monotonic() + WATCHED
    stage.voice.happened(*said.split(" ", 1))
    while time.monotonic() < deadline:
        seen = stage.watcher.look()
        moved = [slug for slug in before if seen.values.get(slug) != before[slug]]
        for slug in moved:
            move = Move(stage.aims[slug], before[slug], seen.values[slug])
            stage.voice.moved(move, seen.since[slug] - began)
            before[slug] = seen.values[slug]
        stage.service.check()
        time.sleep(0.02)


def in_github(hub: GitHub, checkout: Checkout, chance: random.Random) -> str:
    """Do something in GitHub; say what, with GitHub's name before it."""
    with hub.acting_as(chance.choice(["ana", "bruno", "chen", "dana"])):
        issue = chance.choice([one for place in hub.repositories for one in place.issues.values()])
        if issue.closed and chance.random() < 0.4:
            issue.reopen()
            return f"GitHub {key_of(issue)} reopened"
        if issue.closed or chance.random() < 0.3:
            bug = chance.random() < 0.4
            place = checkout.payments if bug else checkout.repository
            made = place.create_issue(*_title(chance), labels=() if bug else LABELLED, type="Bug" if bug else "Feature")
            return f"GitHub {key_of(made)} opened"
        dropped = chance.random() < 0.2
        issue.close(reason="not_planned" if dropped else "completed")
        return f"GitHub {key_of(issue)} closed{' as not planned' if dropped else ''}"


def in_jira(jira: Jira, returns: Returns, chance: random.Random) -> str:
    """Do something in Jira; say what, with Jira's name before it."""
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
