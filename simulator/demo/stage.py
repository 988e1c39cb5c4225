"""The stage: everything the story needs, and what is checked each time something happens."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from simulator.clock import SteppedClock
from simulator.delivery import Delivery
from simulator.demo.aims import Aim, Move, Quarter, work_in
from simulator.demo.service import DemoFailed, Service
from simulator.demo.telling import Voice
from simulator.demo.visiting import Visitor
from simulator.demo.watching import NotSeen, Values, Watcher, alike
from simulator.github import GitHub
from simulator.jira import Jira

PATIENCE = 30.0
"""Seconds to wait for a value before the demo calls it wrong; a machine may be slow."""

HUMAN_PACE = 3.0
"""Seconds between two things that happen, for somebody who watches."""


@dataclass(frozen=True)
class Reason:
    """Why a value must have moved: the issue's key (None for what is no issue), what happened, and by whose hand.

    `actor` is empty where it is the account that the demo runs under.
    """

    issue: str | None
    what: str
    actor: str

    def is_among(self, causes: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether a history entry's causes name it."""
        return any(
            (cause["issue"], cause["what"]) == (self.issue, self.what) and self.actor in ("", cause["actor"])
            for cause in causes
        )


@dataclass(frozen=True)
class ExpectedMail:
    """A mail that must come: to whom, about which key result, of which kind, and why."""

    to: str
    slug: str
    kind: str
    reason: Reason


@dataclass(slots=True)
class Act:
    """One thing that happens, and what it must move: reasons by key result."""

    actor: str
    reasons: dict[str, Reason] = field(default_factory=dict)
    unheard: bool = False

    def is_not_heard_of(self) -> None:
        """State that the service must not learn of it."""
        self.unheard = True

    def because(self, slug: str, issue: str | None, what: str, *, actor: str | None = None) -> None:
        """State that a key result moves, and why."""
        self.reasons[slug] = Reason(issue, what, self.actor if actor is None else actor)


@dataclass(kw_only=True)
class Stage:
    """The trackers, the service, those who watch it, and the score so far."""

    hub: GitHub
    jira: Jira
    service: Service
    watcher: Watcher
    visitor: Visitor
    voice: Voice
    quarter: Quarter
    aims: dict[str, Aim]
    clock: SteppedClock | None
    checked_in: dict[str, float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    mails: list[ExpectedMail] = field(default_factory=list)
    entries: Counter[str] = field(default_factory=Counter)
    known: Values = field(default_factory=dict)

    @property
    def quick(self) -> bool:
        """Tell whether nobody watches: time is stepped then."""
        return self.clock is not None

    def tick(self) -> None:
        """Let the trackers' clocks come to another second, the unit in which GitHub dates its letters."""
        if self.clock is not None:
            self.clock.step(1)
        else:
            time.sleep(1.05)

    def expected(self) -> Values:
        """Compute every value from what the trackers hold."""
        work = work_in(self.hub, self.jira)
        return {slug: aim.value(work, self.checked_in.get(slug)) for slug, aim in self.aims.items()}

    def begin(self) -> None:
        """Take the service's word for what was before the story: values as computed here, and its history so far."""
        self.known = self.expected()
        self.entries.update({slug: len(self.watcher.history(slug)) for slug in self.aims})

    def replace_aim(self, slug: str, **changes: Any) -> None:
        """Let a key result count by another condition from now on."""
        self.aims[slug] = replace(self.aims[slug], **changes)

    @contextmanager
    def act(self, tracker: GitHub | Jira, told: str, *, by: str = "ana") -> Iterator[Act]:
        """Let something happen in a tracker, wait for its effect, and check value, reason and delivery."""
        name = "GitHub" if tracker is self.hub else "Jira"
        with tracker.acting_as(by):
            actor = self.hub.actor.login if tracker is self.hub else self.jira.actor.display_name
            with self.watching(name, told, actor=actor, tracker=tracker) as act:
                yield act

    @contextmanager
    def watching(self, who: str, told: str, *, actor: str, tracker: GitHub | Jira | None = None) -> Iterator[Act]:
        """Let something happen anywhere, wait for its effect, and check it."""
        self._pause()
        before, mark = self.known, len(tracker.deliveries) if tracker else 0
        self.voice.happened(who, told)
        act = Act(actor)
        yield act
        after = self.known = before if act.unheard else self.expected()
        moves = [Move(self.aims[slug], before[slug], after[slug]) for slug in after if before[slug] != after[slug]]
        self._must(
            _slugs(moves) == sorted(act.reasons),
            f"{told}: the story says that {sorted(act.reasons)} move, the trackers' issues move {_slugs(moves)}",
        )
        self._see(after)
        deliveries = tracker.deliveries[mark:] if tracker else []
        for move in moves:
            self._check_move(move, act.reasons[move.aim.slug], deliveries)
        if tracker:
            self._let_settle(tracker, mark, after)
        self._expect_mails(moves, act)

    def _pause(self) -> None:
        if self.quick:
            self.tick()
        else:
            time.sleep(HUMAN_PACE)

    def _see(self, wanted: Values) -> None:
        try:
            self.watcher.wait_for(wanted, seconds=PATIENCE)
        except NotSeen as error:
            if self.quick:
                raise DemoFailed(str(error)) from error
            self._note(str(error))

    def _check_move(self, move: Move, reason: Reason, deliveries: Sequence[Delivery]) -> None:
        slug = move.aim.slug
        self.entries[slug] += 1
        history = self.watcher.history(slug)
        self._must(len(history) == self.entries[slug], f"{slug}: {len(history)} changes, expected {self.entries[slug]}")
        entry = history[0] if history else {"from": None, "to": None, "causes": []}
        found = {"from": entry["from"], "to": entry["to"]}
        self._must(alike(found, {"from": move.before, "to": move.after}), f"{slug}: its history says {found}")
        self._must(reason.is_among(entry["causes"]), f"{slug}: expected {reason}; found {entry['causes']}")
        told_by = {cause["delivery"] for cause in entry["causes"]}
        accepted = [one.accepted.monotonic for one in deliveries if one.parcel.id in told_by and one.accepted]
        self._must(bool(accepted) or not deliveries, f"{slug}: no delivery of this change is named: {told_by}")
        seconds = max(0.0, self.watcher.seen.since[slug] - accepted[0]) if accepted else None
        if seconds is not None:
            self.times.append(seconds)
        self.voice.moved(move, seconds)

    def _let_settle(self, tracker: GitHub | Jira, mark: int, wanted: Values) -> None:
        """Wait until every delivery of the act is done with; the values must be the same after that."""
        tracker.flush()
        sent = {one.parcel.id for one in tracker.deliveries[mark:] if one.accepted}
        self.wait_until(lambda: self._done_with(sent), "the deliveries are done with")
        self._see(wanted)

    def _done_with(self, sent: set[str]) -> bool:
        deliveries = self.watcher.deliveries()
        return all(one in deliveries and deliveries[one]["state"] != "due" for one in sent)

    def _expect_mails(self, moves: Sequence[Move], act: Act) -> None:
        elapsed = self.quarter.elapsed(datetime.now(UTC))
        for move in moves:
            reason = act.reasons[move.aim.slug]
            kind = move.mail(elapsed, reopened=reason.what.startswith("reopened"))
            if kind is not None:
                self.mails.append(ExpectedMail(move.aim.owner, move.aim.slug, kind, reason))
        self.wait_until(self._told_everything, f"{len(self.mails)} notices are told")

    def _told_everything(self) -> bool:
        notices = self.watcher.notices()
        return len(notices) >= len(self.mails) and all(one["state"] == "settled" for one in notices)

    def wait_until(self, holds: Any, what: str) -> None:
        """Wait until something holds; note it where it does not."""
        try:
            self.watcher.wait_until(holds, what, seconds=PATIENCE)
        except NotSeen as error:
            self._note(str(error))

    def check_delivery(self, delivery: Delivery, *, state: str, said: str) -> Mapping[str, Any]:
        """Check what became of a delivery; `said` stands in its outcome."""
        one = self.watcher.deliveries().get(delivery.parcel.id, {"state": "absent", "outcome": ""})
        found = (one["state"], one["outcome"])
        self._must(one["state"] == state and said in one["outcome"], f"expected {state} ({said}); found {found}")
        return one

    def check(self, told: str, *, holds: bool) -> None:
        """Check anything else."""
        self._must(holds, told)

    def _must(self, holds: bool, told: str) -> None:  # noqa: FBT001  reads as a sentence
        if not holds:
            self._note(told)

    def _note(self, told: str) -> None:
        self.problems.append(told)
        self.voice.wrong(told)


def _slugs(moves: Sequence[Move]) -> list[str]:
    return sorted(move.aim.slug for move in moves)
