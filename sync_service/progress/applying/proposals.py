"""Decisions of people about values: accept or decline a proposal, override a value, resume the computed one.

Each is a change of what applies and a computation in one transaction, so that the value is right at once. Each is in
the audit log.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from sync_service.domain.measures.applying.applied import (
    Applied,
    Decision,
    Proposal,
    Until,
    decided,
    overridden,
    resumed,
)
from sync_service.domain.measures.applying.applied_text import until_words
from sync_service.domain.text import amount, clipped, in_full, plain
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.compute import compute_key_results
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results
from sync_service.store.okrs.applying.applied import end_on_time
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.people import audit

LARGEST = 1e12
LONGEST_WORD = 500
LONGEST_OVERRIDE = timedelta(days=3653)


class Refused(ValueError):
    """The decision can't be made. The message is for the person who made it."""


class InvalidOverride(Refused):
    """The value or the end of an override is not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Makes the decisions of one person in a transaction: `by` is the name for the history, `actor` for the audit."""

    tx: Connection
    ruleset: Ruleset
    by: str
    actor: str
    now: datetime
    settle: timedelta

    @classmethod
    def begin(cls, tx: Connection, *, by: str, actor: str, now: datetime, settle: timedelta) -> "Decider":
        """Lock the rules, which comes before all other locks, and return the decider."""
        return cls(tx=tx, ruleset=RulesetCache().current(tx), by=by, actor=actor, now=now, settle=settle)

    def decide(
        self, key_result_id: int, decision: Decision, *, word: str = "", expected: float | None = None
    ) -> Proposal:
        """Accept or decline the proposed value and return it. A declined value is not proposed until it changes.

        Raise `Refused` when none waits, or another one than the `expected`.
        """
        one = self._lock(key_result_id)
        waiting = one.applied.waiting
        if waiting is None:
            raise Refused(f"{one.slug} has no proposed value that waits")
        if expected is not None and waiting.value != expected:
            raise Refused(f"the proposed value of {one.slug} is {in_full(waiting.value)} now; decide again")
        note = clipped(plain(word), LONGEST_WORD)
        what = f"proposed value {amount(waiting.value)} {decision.value}"
        self._apply(one, decided(one.applied, decision), f"{what}: {note}" if note else what)
        return waiting

    def override(self, key_result_id: int, value: float, *, until: Until = None) -> None:
        """Apply a person's value. Raise `Refused` when the value or its end is not valid, or the numbers are final."""
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise InvalidOverride("the value is not a number, or too large")
        at = until if isinstance(until, datetime) else None
        if at is not None and at <= self.now:
            raise InvalidOverride("the override would end in the past; give a later time")
        if at is not None and at > self.now + LONGEST_OVERRIDE:
            raise InvalidOverride("the override would end more than ten years from now; give an earlier time, or none")
        self._lock(key_result_id)
        self._compute(key_result_id, Cause(what="computed again"))
        one = self._lock(key_result_id)
        after = overridden(one.applied, value, by=self.by, computed=one.computed, until=until)
        self._apply(one, after, f"overridden with {amount(value)}{until_words(until)}")
        if at is not None:
            end_on_time(self.tx, key_result_id, at)

    def resume(self, key_result_id: int) -> None:
        """End the override. Raise `Refused` when there is none."""
        one = self._lock(key_result_id)
        if one.applied.override is None:
            raise Refused(f"{one.slug} has no override to end")
        self._apply(one, resumed(one.applied), "override ended")

    def _lock(self, key_result_id: int) -> KeyResult:
        (one,) = key_results.lock(self.tx, [key_result_id])
        if one.span.frozen(self.now, team_settings(self.tx).grace_days):
            raise Refused(f"the numbers of {one.slug} are final")
        return one

    def _apply(self, one: KeyResult, after: Applied, what: str) -> None:
        self._compute(one.id, Cause(what=what, actor=self.by), {one.id: after})
        audit.note(self.tx, actor=self.actor, what=f"{one.slug}: {what}", at=self.now)

    def _compute(self, key_result_id: int, cause: Cause, after: Mapping[int, Applied] | None = None) -> None:
        compute_key_results(
            self.tx,
            self.ruleset,
            {key_result_id: [cause]},
            now=self.now,
            settle=self.settle,
            issue_ids=(),
            decided=after,
        )
        versions.bump(self.tx, versions.CHANGES)
