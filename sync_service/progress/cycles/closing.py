"""Closing a cycle: make its numbers final, compute them once more, and settle scores and outcomes.

Each key result's numbers are its own. So numbers are computed by the key results' due rows, each in a transaction of
its own, and outcomes are settled some at a time. Who asked is in the audit log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection, Engine

from sync_service.domain.cycles.outcomes import Outcome, score
from sync_service.domain.measures.status import proposed_outcome
from sync_service.domain.text import instant
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.cycles.recomputing import marked, obstacles
from sync_service.store.cycles import refreezes, settlement
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from sync_service.store.okrs.ruleset import load_ruleset
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.people import audit
from sync_service.store.views.cycles.closing import ClosingLine, ClosingView

TOGETHER = 50
"""Outcomes settled in one transaction."""


class NotPossible(ValueError):
    """It can't be done now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """Closes cycles: `by` is the name for the history, `actor` for the audit log."""

    engine: Engine
    by: str
    actor: str
    now: datetime

    def close(self, view: ClosingView) -> list[int]:
        """Request to make the numbers of a cycle final that are not yet; return the ids of their key results.

        Raise `NotPossible` before the days of grace are over.
        """
        if not view.final:
            raise NotPossible(f"the numbers of {view.slug} become final on {instant(view.freezes_at)}")
        waiting = [one.id for one in view.waiting]
        if waiting:
            with writing(self.engine) as tx:
                key_results.recompute(tx, waiting, causes=[Cause(what="the days of grace are over")])
                self._note(tx, f"{view.slug}: closed")
                versions.bump(tx, versions.CHANGES)
        return waiting

    def refreeze(self, lines: Sequence[ClosingLine]) -> list[int]:
        """Request to compute final numbers once more that were stale or partly seen; return their key results' ids.

        Raise `NotPossible` where there is nothing to refreeze, or why not.
        """
        wanted = self._to_refreeze([one.id for one in lines])
        slugs = [one.slug for one in lines if one.id in wanted and not one.is_refreezing]
        if slugs:
            with writing(self.engine) as tx:
                refreezes.request(tx, wanted, by=self.by)
                self._note(tx, f"refreeze: {', '.join(slugs)}")
                versions.bump(tx, versions.CHANGES)
        return wanted

    def _to_refreeze(self, ids: Sequence[int]) -> list[int]:
        """Return which key results can be refrozen. It only reads, so that nobody waits."""
        with reading(self.engine) as tx:
            found = marked(key_results.read(tx, ids))
            reasons = obstacles(tx, load_ruleset(tx, versions.value(tx, versions.RULES)), found)
        if not found:
            raise NotPossible("nothing became final stale or partly seen that was not computed again already")
        for reason in reasons.values():
            raise NotPossible(reason)
        return [one.id for one in found]

    def settle(self, cycle: str, line: ClosingLine, outcome: Outcome | None = None) -> Outcome:
        """Settle the outcome of a key result, or the proposed one, with the score; return the outcome.

        Raise `NotPossible` before its numbers are final, while they are computed once more, and without data where no
        outcome is given.
        """
        with writing(self.engine) as tx:
            return self._settle(tx, cycle, line.id, outcome)

    def settle_proposed(self, view: ClosingView) -> list[ClosingLine]:
        """Settle all that is proposed, some at a time, and return what could not be: it has no data."""
        open_ones = [one for one in view.key_results if not one.settled]
        for some in _in_chunks([one for one in open_ones if one.outcome is not None]):
            with writing(self.engine) as tx:
                for one in some:
                    self._settle(tx, view.slug, one.id, None)
        return [one for one in open_ones if one.outcome is None]

    def _settle(self, tx: Connection, cycle: str, key_result_id: int, outcome: Outcome | None) -> Outcome:
        (one,) = key_results.lock(tx, [key_result_id])
        if one.frozen is None or not one.span.frozen(self.now, team_settings(tx).grace_days):
            raise NotPossible(f"the numbers of {one.slug} are not final yet")
        if refreezes.under_way(tx, one.id):
            raise NotPossible(f"the numbers of {one.slug} are being computed once more; settle it afterwards")
        proposed = proposed_outcome(one.state.progress)
        chosen = outcome or (Outcome(proposed) if proposed else None)
        if chosen is None:
            raise NotPossible(f"{one.slug} has no data, so no outcome is proposed; say which")
        settlement.settle(tx, one.id, outcome=chosen, score=score(one.state.progress))
        self._note(tx, f"{one.slug}: settled as {chosen}")
        settlement.complete(tx, cycle, self.now)
        versions.bump(tx, versions.CHANGES)
        return chosen

    def _note(self, tx: Connection, what: str) -> None:
        audit.note(tx, actor=self.actor, what=what, at=self.now)


def _in_chunks(lines: Sequence[ClosingLine]) -> Iterable[Sequence[ClosingLine]]:
    return (lines[start : start + TOGETHER] for start in range(0, len(lines), TOGETHER))


def line_of(view: ClosingView, slug: str) -> ClosingLine | None:
    """Return a key result of a cycle by its slug, in any letter case; None when it has none of it."""
    return next((one for one in view.key_results if one.slug.lower() == slug.lower()), None)
