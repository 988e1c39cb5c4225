"""Compute a key result by its due row: its settings changed, a day passed, or its final numbers are computed once more.

Each is a transaction of its own. A person's request to compute final numbers once more stays in the row until then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.causes import Cause
from sync_service.progress.compute import compute_locked
from sync_service.store import tables
from sync_service.store.cycles import settlement
from sync_service.store.engine import versions
from sync_service.store.okrs import forecasts, key_results
from sync_service.store.okrs.applying import applied
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.okrs.staleness import stale
from sync_service.store.queue import due


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputing:
    """Computes key results by their due rows."""

    now: Callable[[], datetime]
    settle: timedelta

    def run(self, tx: Transaction, ruleset: Ruleset, row: Row[Any]) -> None:
        """Compute a key result again, and once more when the next day begins: its status changes with the day."""
        ends, began = applied.ends_at(tx, row.key_result_id), self.now()
        by_time = [] if ends is not None and ends <= began else [Cause(what="another day of the cycle passed")]
        causes = [from_columns(columns) for columns in row.causes] or by_time
        outcome = self._compute(tx, ruleset, row, causes)
        forecasts.request(tx, [row.key_result_id])  # its settings, its cycle or the day may have changed
        wait, ends = self._until_next_day(tx, row.key_result_id), applied.ends_at(tx, row.key_result_id)
        if ends is not None and ends > began:  # an earlier one ended, or stays because the numbers are final
            wait = min(wait, max(ends - self.now(), timedelta(0)))
        due.release(tx, tables.recompute, row, wait=wait, causes=[], refrozen_by=None, outcome=outcome)

    def _compute(self, tx: Transaction, ruleset: Ruleset, row: Row[Any], causes: Sequence[Cause]) -> str:
        """Compute the key result; return why its final numbers were not computed once more, where that was asked."""
        found, outcome = key_results.lock(tx, [row.key_result_id]), ""
        if row.refrozen_by is not None:
            outcome = "".join(obstacles(tx, ruleset, found).values())
        if row.refrozen_by is not None and not outcome:
            found = [replace(one, refrozen_by=row.refrozen_by) for one in found]
            causes = [Cause(what="computed again after a poll", actor=row.refrozen_by)]
        by_id = dict.fromkeys([one.id for one in found], causes)
        compute_locked(tx, ruleset, found, by_id, now=self.now(), settle=self.settle)
        versions.bump(tx, versions.CHANGES)
        return outcome

    def _until_next_day(self, tx: Transaction, key_result_id: int) -> timedelta:
        """Return the time until a few seconds after midnight in the time zone of a key result's team."""
        here = self.now().astimezone(key_results.zone(tx, key_result_id))
        midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC) + timedelta(seconds=5) - self.now()


def marked(found: Sequence[KeyResult]) -> list[KeyResult]:
    """Return the key results whose numbers became final stale or partly seen, and were not computed once more yet."""
    return [one for one in found if one.frozen and one.frozen.marked and not one.frozen.refrozen]


def obstacles(tx: Transaction, ruleset: Ruleset, found: Sequence[KeyResult]) -> Mapping[int, str]:
    """Return why the final numbers of key results can't be computed once more now, by id."""
    ids = [one.id for one in found]
    again, out_of_date, settled = marked(found), stale(tx, ids), settlement.settled_among(tx, ids)
    reasons: dict[int, str] = {}
    for one in found:
        missing = out_of_date[one.id].reason if one.id in out_of_date else ruleset.partial.get(one.id)
        if one not in again:
            reasons[one.id] = f"the numbers of {one.slug} are not to be computed again"
        elif missing:
            reasons[one.id] = f"{one.slug} still lacks something: {missing}; run okr-sync reconcile first"
        elif one.id in settled:
            reasons[one.id] = f"the outcome of {one.slug} is settled"
    return reasons
