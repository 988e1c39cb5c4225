"""The harness of the scenario: trackers, service and watchers, and the checks after each step."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from simulator.clock import SteppedClock
from simulator.demo.api_watcher import ApiWatcher, NotObserved, Values, same_values
from simulator.demo.browser_session import BrowserSession
from simulator.demo.expectations import Cycle, KeyResult, ValueChange, tracked_issues
from simulator.demo.service_process import DemoFailed, Service
from simulator.demo.terminal import Terminal
from simulator.github import GitHub
from simulator.jira import Jira
from simulator.webhook_delivery import Delivery

VALUE_TIMEOUT = 30.0
"""Seconds to wait for a value before it counts as wrong; a machine may be slow."""

STEP_SECONDS = 3.0
"""Seconds between two steps, for a person who watches."""


@dataclass(frozen=True)
class Reason:
    """Why a value must have changed: the issue's key (None if it is no issue), what happened, and the actor.

    `actor` is empty for the account that the demo runs under.
    """

    issue: str | None
    what: str
    actor: str

    def is_among(self, causes: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the causes of a history entry include it."""
        return any(
            (cause["issue"], cause["what"]) == (self.issue, self.what) and self.actor in ("", cause["actor"])
            for cause in causes
        )


@dataclass(frozen=True)
class ExpectedMail:
    """An expected mail: recipient, key result, kind and reason."""

    to: str
    slug: str
    kind: str
    reason: Reason


@dataclass(slots=True)
class ScenarioStep:
    """One step of the scenario, and the key results that it must change, with the reasons."""

    actor: str
    reasons: dict[str, Reason] = field(default_factory=dict)
    unnoticed: bool = False

    def expect_no_effect(self) -> None:
        """Expect that the service learns nothing of this step."""
        self.unnoticed = True

    def expect_change(self, slug: str, issue: str | None, what: str, *, actor: str | None = None) -> None:
        """Expect a change of a key result, for this reason."""
        self.reasons[slug] = Reason(issue, what, self.actor if actor is None else actor)


@dataclass(kw_only=True)
class Harness:
    """The trackers, the service, its watchers, and the results so far."""

    hub: GitHub
    jira: Jira
    service: Service
    watcher: ApiWatcher
    browser: BrowserSession
    terminal: Terminal
    cycle: Cycle
    key_results: dict[str, KeyResult]
    clock: SteppedClock | None
    checked_in: dict[str, float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    mails: list[ExpectedMail] = field(default_factory=list)
    entries: Counter[str] = field(default_factory=Counter)
    earlier_notices: int = 0
    earlier_mails: int = 0
    known: Values = field(default_factory=dict)

    @property
    def quick(self) -> bool:
        """Return whether nobody watches: the clock is stepped then."""
        return self.clock is not None

    def tick(self) -> None:
        """Move the trackers' clocks to another second: GitHub's times are whole seconds."""
        if self.clock is not None:
            self.clock.step(1)
        else:
            time.sleep(1.05)

    def expected(self) -> Values:
        """Compute every value from what the trackers hold."""
        work = tracked_issues(self.hub, self.jira)
        return {
            slug: key_result.value(work, self.checked_in.get(slug)) for slug, key_result in self.key_results.items()
        }

    def begin(self) -> None:
        """Start from the computed values and from the history that the service has so far."""
        self.known = self.expected()
        self.entries.update({slug: len(self.watcher.history(slug)) for slug in self.key_results})
        self.earlier_notices, self.earlier_mails = len(self.watcher.notices()), len(self.browser.mails())

    def replace_key_result(self, slug: str, **changes: Any) -> None:
        """Change what a key result counts from now on."""
        self.key_results[slug] = replace(self.key_results[slug], **changes)

    @contextmanager
    def step(self, tracker: GitHub | Jira, text: str, *, by: str = "ana") -> Iterator[ScenarioStep]:
        """Make a change in a tracker, wait for its effect, and check value, reason and delivery."""
        name = "GitHub" if tracker is self.hub else "Jira"
        with tracker.acting_as(by):
            actor = self.hub.actor.login if tracker is self.hub else self.jira.actor.display_name
            with self.watching(name, text, actor=actor, tracker=tracker) as step:
                yield step

    @contextmanager
    def watching(
        self, who: str, text: str, *, actor: str, tracker: GitHub | Jira | None = None
    ) -> Iterator[ScenarioStep]:
        """Make a change anywhere, wait for its effect, and check it."""
        self._pause()
        before, mark = self.known, len(tracker.deliveries) if tracker else 0
        self.terminal.happened(who, text)
        step = ScenarioStep(actor)
        yield step
        after = self.known = before if step.unnoticed else self.expected()
        moves = [
            ValueChange(self.key_results[slug], before[slug], after[slug])
            for slug in after
            if before[slug] != after[slug]
        ]
        self._must(
            _slugs(moves) == sorted(step.reasons),
            f"{text}: the story says that {sorted(step.reasons)} move, the trackers' issues move {_slugs(moves)}",
        )
        self._see(after)
        deliveries = tracker.deliveries[mark:] if tracker else []
        for move in moves:
            self._check_move(move, step.reasons[move.key_result.slug], deliveries)
        if tracker:
            self._let_settle(tracker, mark, after)
        self._expect_mails(moves, step)

    def _pause(self) -> None:
        if self.quick:
            self.tick()
        else:
            time.sleep(STEP_SECONDS)

    def _see(self, expected: Values) -> None:
        try:
            self.watcher.wait_for(expected, seconds=VALUE_TIMEOUT)
        except NotObserved as error:
            if self.quick:
                raise DemoFailed(str(error)) from error
            self._note(str(error))

    def _check_move(self, move: ValueChange, reason: Reason, deliveries: Sequence[Delivery]) -> None:
        slug = move.key_result.slug
        self.entries[slug] += 1
        history = self.watcher.history(slug)
        self._must(len(history) == self.entries[slug], f"{slug}: {len(history)} changes, expected {self.entries[slug]}")
        entry = history[0] if history else {"from": None, "to": None, "causes": []}
        found = {"from": entry["from"], "to": entry["to"]}
        self._must(same_values(found, {"from": move.before, "to": move.after}), f"{slug}: its history says {found}")
        self._must(reason.is_among(entry["causes"]), f"{slug}: expected {reason}; found {entry['causes']}")
        named_deliveries = {cause["delivery"] for cause in entry["causes"]}
        accepted = [one.accepted.monotonic for one in deliveries if one.request.id in named_deliveries and one.accepted]
        self._must(bool(accepted) or not deliveries, f"{slug}: no delivery of this change is named: {named_deliveries}")
        seconds = max(0.0, self.watcher.seen.since[slug] - accepted[0]) if accepted else None
        if seconds is not None:
            self.times.append(seconds)
        self.terminal.moved(move, seconds)

    def _let_settle(self, tracker: GitHub | Jira, mark: int, expected: Values) -> None:
        """Wait until every delivery of the step is settled; the values must be the same after that."""
        tracker.flush()
        sent = {one.request.id for one in tracker.deliveries[mark:] if one.accepted}
        self.wait_until(lambda: self._done_with(sent), "the deliveries are done with")
        self._see(expected)

    def _done_with(self, sent: set[str]) -> bool:
        deliveries = self.watcher.deliveries()
        return all(one in deliveries and deliveries[one]["state"] != "due" for one in sent)

    def _expect_mails(self, moves: Sequence[ValueChange], step: ScenarioStep) -> None:
        elapsed = self.cycle.elapsed(datetime.now(UTC))
        for move in moves:
            reason = step.reasons[move.key_result.slug]
            kind = move.mail(elapsed, reopened=reason.what.startswith("reopened"))
            if kind is not None:
                self.mails.append(ExpectedMail(move.key_result.owner, move.key_result.slug, kind, reason))
        self.wait_until(self._all_notices_settled, f"{len(self.mails)} notices are told")

    def _all_notices_settled(self) -> bool:
        notices = self.watcher.notices()
        expected = self.earlier_notices + len(self.mails)
        return len(notices) >= expected and all(one["state"] == "settled" for one in notices)

    def wait_until(self, holds: Any, what: str) -> None:
        """Wait until something holds; record a problem if it does not."""
        try:
            self.watcher.wait_until(holds, what, seconds=VALUE_TIMEOUT)
        except NotObserved as error:
            self._note(str(error))

    def check_delivery(self, delivery: Delivery, *, state: str, outcome: str) -> Mapping[str, Any]:
        """Check the state of a delivery, and that `outcome` is part of its outcome."""
        one = self.watcher.deliveries().get(delivery.request.id, {"state": "absent", "outcome": ""})
        found = (one["state"], one["outcome"])
        self._must(one["state"] == state and outcome in one["outcome"], f"expected {state} ({outcome}); found {found}")
        return one

    def check(self, text: str, *, holds: bool) -> None:
        """Check anything else."""
        self._must(holds, text)

    def _must(self, holds: bool, text: str) -> None:  # noqa: FBT001  reads as a sentence
        if not holds:
            self._note(text)

    def _note(self, text: str) -> None:
        self.problems.append(text)
        self.terminal.problem(text)


def _slugs(moves: Sequence[ValueChange]) -> list[str]:
    return sorted(move.key_result.slug for move in moves)
