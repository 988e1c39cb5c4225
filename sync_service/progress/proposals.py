"""Decisions of people about values: accept or decline a proposal, override a value, resume the computed one.

Each is a change of what applies and a computation in one transaction, so that the value is right at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from sync_service.domain.measures.applying.applied import Applied, Decision, Override
from sync_service.domain.text import amount
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.compute import compute_key_results
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results
from sync_service.store.okrs.applying.applied import end_on_time, store
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.okrs.team_settings import team_settings


class Refused(ValueError):
    """The decision can't be made. The message is for the person who made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Makes the decisions of one person (`by`) in a transaction."""

    tx: Connection
    ruleset: Ruleset
    by: str
    now: datetime
    settle: timedelta

    def accept(self, key_result_id: int, word: str = "") -> None:
        """Apply the proposed value. Raise `Refused` when none waits."""
        self._decide(key_result_id, Decision.ACCEPTED, word)

    def decline(self, key_result_id: int, word: str = "") -> None:
        """Decline the proposed value: it is not proposed again until it changes. Raise `Refused` when none waits."""
        self._decide(key_result_id, Decision.DECLINED, word)

    def override(
        self, key_result_id: int, value: float, *, until: datetime | None = None, until_change: bool = False
    ) -> None:
        """Apply a person's value. Raise `Refused` when the end of it has passed, or the numbers are final."""
        if until is not None and until <= self.now:
            raise Refused("the override would end in the past; give a later time")

        def change(one: KeyResult) -> Applied:
            made = Override(
                value=value,
                by=self.by,
                computed=one.computed,
                base=one.applied.base,
                until=until,
                until_change=until_change,
            )
            return replace(one.applied, override=made)

        self._change(key_result_id, change, f"overridden with {amount(value)}")
        if until is not None:
            end_on_time(self.tx, key_result_id, until)

    def resume(self, key_result_id: int) -> None:
        """End the override. Raise `Refused` when there is none."""

        def change(one: KeyResult) -> Applied:
            if one.applied.override is None:
                raise Refused(f"{one.slug} has no override to end")
            return replace(one.applied, override=replace(one.applied.override, resumed=True))

        self._change(key_result_id, change, "override ended")

    def _decide(self, key_result_id: int, decision: Decision, word: str) -> None:
        def change(one: KeyResult) -> Applied:
            if one.applied.waiting is None:
                raise Refused(f"{one.slug} has no proposed value that waits")
            return replace(one.applied, proposal=replace(one.applied.waiting, decision=decision))

        self._change(key_result_id, change, f"proposed value {decision.value}" + (f": {word}" if word else ""))

    def _change(self, key_result_id: int, change: Callable[[KeyResult], Applied], what: str) -> None:
        (one,) = key_results.lock(self.tx, [key_result_id])
        if one.span.frozen(self.now, team_settings(self.tx).grace_days):
            raise Refused(f"the numbers of {one.slug} are final")
        store(self.tx, key_result_id, change(one))
        cause = Cause(what=what, actor=self.by)
        compute_key_results(
            self.tx, self.ruleset, {key_result_id: [cause]}, now=self.now, settle=self.settle, issue_ids=()
        )
        versions.bump(self.tx, versions.CHANGES)
