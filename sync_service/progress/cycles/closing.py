"""Closing a cycle: make its numbers final, compute them once more, and settle scores and outcomes.

Each is one transaction and is in the audit log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.outcomes import Outcome, score
from sync_service.domain.text import instant
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.compute import compute_locked
from sync_service.store.cycles import settlement
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache
from sync_service.store.okrs.staleness import stale
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.people import audit
from sync_service.store.views.cycles.closing import ClosingLine, ClosingView


class NotPossible(ValueError):
    """It can't be done now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """Closes cycles in a transaction: `by` is the name for the history, `actor` for the audit log."""

    tx: Connection
    ruleset: Ruleset
    by: str
    actor: str
    now: datetime
    settle_time: timedelta

    @classmethod
    def begin(cls, tx: Connection, *, by: str, actor: str, now: datetime, settle_time: timedelta) -> "Closer":
        """Lock the rules, which comes before all other locks, and return the closer."""
        return cls(tx=tx, ruleset=RulesetCache().current(tx), by=by, actor=actor, now=now, settle_time=settle_time)

    def close(self, view: ClosingView) -> None:
        """Make the numbers of a cycle final that are not yet. Raise `NotPossible` before the days of grace are over."""
        if not view.final:
            raise NotPossible(f"the numbers of {view.slug} become final on {instant(view.freezes_at)}")
        waiting = [one.id for one in view.waiting]
        self._compute(key_results.lock(self.tx, waiting), Cause(what="the days of grace are over"))
        if waiting:
            self._note(f"{view.slug}: closed")

    def refreeze(self, lines: Sequence[ClosingLine]) -> list[str]:
        """Compute final numbers once more that were stale or partly seen; return their slugs.

        Raise `NotPossible` where there is nothing to refreeze, or why not.
        """
        found = key_results.lock(self.tx, [one.id for one in lines])
        marked = [one for one in found if one.frozen and one.frozen.marked and not one.frozen.refrozen]
        if not marked:
            raise NotPossible("nothing became final stale or partly seen that was not computed again already")
        out_of_date = stale(self.tx, [one.id for one in marked])
        for one in marked:
            self._check(one, out_of_date[one.id].reason if one.id in out_of_date else None)
        again = [replace(one, refrozen_by=self.by) for one in marked]
        self._compute(again, Cause(what="computed again after a poll", actor=self.by))
        slugs = [one.slug for one in marked]
        self._note(f"refrozen: {', '.join(slugs)}")
        return slugs

    def _check(self, one: KeyResult, reason: str | None) -> None:
        missing = reason or self.ruleset.partial.get(one.id)
        if missing:
            raise NotPossible(f"{one.slug} still lacks something: {missing}; run okr-sync reconcile first")
        if settlement.settled(self.tx, one.id):
            raise NotPossible(f"the outcome of {one.slug} is settled")

    def settle(self, cycle: str, line: ClosingLine, outcome: Outcome | None = None) -> Outcome:
        """Settle the outcome of a key result, or the proposed one, with the score; return the outcome.

        Raise `NotPossible` before its numbers are final, and without data where no outcome is given.
        """
        (one,) = key_results.lock(self.tx, [line.id])
        if one.frozen is None or not one.span.frozen(self.now, team_settings(self.tx).grace_days):
            raise NotPossible(f"the numbers of {one.slug} are not final yet")
        chosen = outcome or (Outcome(line.outcome) if line.outcome else None)
        if chosen is None:
            raise NotPossible(f"{one.slug} has no data, so no outcome is proposed; say which")
        settlement.settle(self.tx, one.id, outcome=chosen, score=score(one.state.progress))
        self._note(f"{one.slug}: settled as {chosen}")
        settlement.complete(self.tx, cycle, self.now)
        versions.bump(self.tx, versions.CHANGES)
        return chosen

    def settle_proposed(self, view: ClosingView) -> list[ClosingLine]:
        """Settle all that is proposed, and return what could not be: it has no data."""
        open_ones = [one for one in view.key_results if not one.settled]
        for one in open_ones:
            if one.outcome is not None:
                self.settle(view.slug, one)
        return [one for one in open_ones if one.outcome is None]

    def _compute(self, found: Sequence[KeyResult], cause: Cause) -> None:
        causes = {one.id: [cause] for one in found}
        compute_locked(self.tx, self.ruleset, found, causes, now=self.now, settle=self.settle_time)
        versions.bump(self.tx, versions.CHANGES)

    def _note(self, what: str) -> None:
        audit.note(self.tx, actor=self.actor, what=what, at=self.now)


def line_of(view: ClosingView, slug: str) -> ClosingLine | None:
    """Return a key result of a cycle by its slug, in any letter case; None when it has none of it."""
    return next((one for one in view.key_results if one.slug.lower() == slug.lower()), None)
