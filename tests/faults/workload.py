"""Workload of the fault tests: an endless, seeded history of two simulated trackers, as signed webhook deliveries."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator import GitHub, Jira, SteppedClock
from simulator.github.model.issue import Issue as HubIssue
from simulator.jira.model.issue import Issue as JiraIssue

OKRS = b"""\
people:
  - {email: ana@example.com, name: Ana Ruiz, role: admin}
cycles:
  - {slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}
connections:
  - slug: gh
    kind: github
    owner: ana@example.com
    webhook_secrets: [hush-hush]
    scopes: [acme/checkout, acme/billing]
    earlier: ignore
  - slug: jira
    kind: jira
    site: https://acme.atlassian.net
    owner: ana@example.com
    webhook_secrets: [hush-hush]
    scopes: [SHOP, PAY]
    points_field: customfield_10016
    earlier: ignore
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {slug: KR-1, title: Ship it, owner: ana@example.com, measure: {kind: done-share}}
      - {slug: KR-2, title: Few are open, start: 20, target: 0, owner: ana@example.com, measure: {kind: open-count}}
      - {slug: KR-3, title: Points, owner: ana@example.com, measure: {kind: done-share, weight: points}}
rules:
  - {slug: labelled, connection: gh, key_result: KR-1, when: {field: labels, has: checkout}}
  - {slug: bugs, connection: gh, key_result: KR-2, when: {field: labels, has: bug}}
  - {slug: all, connection: jira, key_result: KR-3, when: {field: scope, is: SHOP}}
  - {slug: paying, connection: jira, key_result: KR-1, when: {field: labels, has: checkout}}
"""

LABELS = ("checkout", "bug", "okr:KR-2", "chore")
MOST_ISSUES = 12
PAUSES = (0, 0, 1, 1, 7, 300)
"""Seconds between two changes; 0 gives two changes the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDelivery:
    """One delivery as its tracker sends it to a connection."""

    connection: str
    id: str
    headers: Mapping[str, str]
    body: bytes


class Workload:
    """Random changes in a GitHub and a Jira. Each call of `next` returns the next delivery, in the trackers' order."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a seed makes it repeatable
        self._clock = SteppedClock(datetime(2026, 10, 5, 9, tzinfo=UTC))
        # Neither is started: they only collect the deliveries that they would send.
        self._hub = GitHub("acme", clock=self._clock)
        self._jira = Jira(clock=self._clock)
        self._repositories = [self._hub.repository(name) for name in ("checkout", "billing", "attic")]
        self._projects = [self._jira.project(key) for key in ("SHOP", "PAY", "ATTIC")]
        self._hub.add_hook(url="http://127.0.0.1/hooks/gh", secret="hush-hush")
        self._jira.add_hook(url="http://127.0.0.1/hooks/jira", secret="hush-hush")
        self._hub_issues: list[HubIssue] = []
        self._jira_issues: list[JiraIssue] = []
        self._collected = {"gh": 0, "jira": 0}
        self._ready: list[SignedDelivery] = []

    def close(self) -> None:
        """Release the ports."""
        self._hub.stop()
        self._jira.stop()

    def next(self) -> SignedDelivery:
        """Make changes until there is a delivery, and return it."""
        while not self._ready:
            self._clock.step(self._random.choice(PAUSES))
            if self._random.random() < 0.6:
                self._work_on_hub()
            else:
                self._work_on_jira()
            self._collect("gh", self._hub)
            self._collect("jira", self._jira)
        return self._ready.pop(0)

    def _collect(self, connection: str, tracker: GitHub | Jira) -> None:
        for delivery in tracker.deliveries[self._collected[connection] :]:
            self._collected[connection] += 1
            request = delivery.request
            self._ready.append(
                SignedDelivery(connection=connection, id=request.id, headers=delivery.headers(None), body=request.body)
            )

    def _work_on_hub(self) -> None:
        if len(self._hub_issues) < 3 or (len(self._hub_issues) < MOST_ISSUES and self._random.random() < 0.1):
            labels = self._random.sample(LABELS, k=self._random.randint(0, 2))
            repository = self._random.choice(self._repositories)
            self._hub_issues.append(repository.create_issue("Pay by card", labels=labels))
            return
        issue = self._random.choice(self._hub_issues)
        self._random.choices([self._change_hub, self._transfer, self._delete_on_hub], weights=(94, 4, 2))[0](issue)

    def _change_hub(self, issue: HubIssue) -> None:
        name = self._random.choice(LABELS)
        if self._random.random() < 0.4:
            carried = name in {label.name for label in issue.labels}
            (issue.unlabel if carried else issue.label)(name)
        elif issue.state == "closed":
            issue.reopen()
        else:
            issue.close(reason=self._random.choice(["completed", "completed", "not_planned", "duplicate"]))

    def _transfer(self, issue: HubIssue) -> None:
        others = [one for one in self._repositories if one is not issue.repository]
        self._hub_issues.remove(issue)
        target = self._random.choice(others)
        self._hub_issues.append(issue.transfer(target, opened_first=self._random.random() < 0.5))

    def _delete_on_hub(self, issue: HubIssue) -> None:
        self._hub_issues.remove(issue)
        issue.delete()

    def _work_on_jira(self) -> None:
        if len(self._jira_issues) < 3 or (len(self._jira_issues) < MOST_ISSUES and self._random.random() < 0.1):
            project = self._random.choice(self._projects)
            labels = self._random.sample(LABELS, k=self._random.randint(0, 2))
            self._jira_issues.append(project.create_issue("Pay by card", points=3, labels=labels))
            return
        issue = self._random.choice(self._jira_issues)
        acts: Mapping[Callable[[JiraIssue], Any], int] = {
            self._go_on: 50,
            self._relabel: 20,
            lambda one: one.set_points(self._random.choice([None, 1, 2, 5, 8])): 20,
            self._move: 8,
            self._delete_on_jira: 2,
        }
        self._random.choices(list(acts), weights=list(acts.values()))[0](issue)

    def _go_on(self, issue: JiraIssue) -> None:
        if issue.status.name == "Done":
            issue.reopen(leave_resolution=self._random.random() < 0.3)
        else:
            self._random.choice([issue.start, issue.finish, issue.finish, issue.drop])()

    def _move(self, issue: JiraIssue) -> None:
        # A change in an unwatched project must not tie with the move out of it: only one of them is delivered.
        self._clock.step(1)
        issue.move(self._random.choice([each for each in self._projects if each is not issue.project]))
        self._clock.step(1)

    def _relabel(self, issue: JiraIssue) -> None:
        name = self._random.choice(LABELS)
        (issue.unlabel if name in issue.labels else issue.label)(name)

    def _delete_on_jira(self, issue: JiraIssue) -> None:
        self._jira_issues.remove(issue)
        issue.delete()
