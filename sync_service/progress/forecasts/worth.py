"""What closing an issue is worth: which key results it would move from what to what, and the chance with it.

Closing a pull request means merging it: what it closes is closed too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import time_of_value
from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.burn_up.amounts import amounts
from sync_service.domain.forecasts.goal import Position, exact
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.line import Present
from sync_service.progress.compute import progress_of
from sync_service.progress.forecasts.compute_forecast import end_of
from sync_service.progress.forecasts.if_done import if_done
from sync_service.progress.inputs import calendar_for
from sync_service.store.okrs import contributions, forecasts, key_results, linked_issues
from sync_service.store.okrs.forecasts import Found
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.ruleset import Ruleset


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What closing an issue would do to a key result. Values are computed ones, progress is unclamped.

    `applies`: the computed value is the one that applies. The chances are None where nothing is forecast.
    """

    key_result_id: int
    slug: str
    before: float | None
    after: float | None
    progress_before: float | None
    progress_after: float | None
    chance_before: float | None = None
    chance_after: float | None = None
    applies: bool = True

    @property
    def moves(self) -> bool:
        """Return whether the value or the chance would differ."""
        return (self.before, self.chance_before) != (self.after, self.chance_after)


IssueContributions = Mapping[int, Contribution | None]
"""What issues, by id, would contribute to a key result; None: nothing."""


@dataclass(slots=True)
class _Counted:
    """A key result with its contributions, to compute the values after many closings one by one."""

    one: KeyResult
    inputs: Inputs
    present: Present
    found: Found | None
    end: AtEnd | None = field(init=False)

    def __post_init__(self) -> None:
        enough = self.found is not None and self.found.forecast.enough
        self.end = end_of(self.found.basis) if self.found is not None and enough else None

    def worth(self, changed: IssueContributions, steps: Iterable[str] = ()) -> Worth:
        """Return what it is worth that contributions of issues change, and that steps are done."""
        held = {id_: self.present.each.get(id_) for id_ in changed}
        for id_, then in changed.items():
            self.present.put(id_, then)
        inputs = self.present.inputs(self.inputs, self.inputs.at)
        steps_done = inputs.steps_done | frozenset(steps)
        after = compute(replace(inputs, steps_done=steps_done, ever_linked=True)).current
        for id_, had in held.items():
            self.present.put(id_, had)
        one = self.one
        return Worth(
            key_result_id=one.id,
            slug=one.slug,
            before=one.computed,
            after=after,
            progress_before=progress_of(one, one.computed),
            progress_after=progress_of(one, after),
            chance_before=self.found.forecast.chance if self.found is not None and self.end is not None else None,
            chance_after=self._chance(held, changed),
            applies=one.applied.override is None and not one.proposes,
        )

    def _chance(self, held: IssueContributions, changed: IssueContributions) -> float | None:
        if self.end is None or self.found is None:
            return None
        measure, span, position = self.one.measure, self.one.span, self.found.basis.position
        for id_, then in changed.items():
            done, scope = amounts(measure, then, span)
            was_done, was = amounts(measure, held[id_], span)
            position = Position(
                position.done + exact(done) - exact(was_done), position.scope + exact(scope) - exact(was)
            )
        if self.found.basis.goal.is_share and position.scope <= 0:
            return None
        return float(self.end.chance(position))


def _is_of(found: Found | None, one: KeyResult) -> bool:
    """Return whether a forecast is about the goal and the measure of now."""
    if found is None:
        return False
    goal = found.basis.goal
    return (goal.start, goal.target, found.basis.measure) == (one.start, one.target, one.settings)


@dataclass(slots=True, kw_only=True)
class WorthReader:
    """Computes what closing issues is worth; keeps what it read of key results for the next issues."""

    tx: Connection
    ruleset: Ruleset
    now: datetime
    tallied_only: bool = False
    """Leave out key results whose value needs each issue by itself: with thousands of issues that takes long."""
    _counted: dict[int, _Counted | None] = field(default_factory=dict)

    def of(self, issue_id: int) -> list[Worth]:
        """Return what closing an issue is worth, by key result; empty where it is closed or serves none."""
        return self.of_each([issue_id])[issue_id]

    def of_each(self, issue_ids: Collection[int]) -> dict[int, list[Worth]]:
        """Return for each of the issues, by row id, what closing it is worth."""
        closes = linked_issues.closes(self.tx, issue_ids)
        changed = {one: {one, *closes.get(one, ())} for one in issue_ids}
        after = if_done(self.tx, self.ruleset, self.now, {each for some in changed.values() for each in some})
        found: dict[int, list[Worth]] = {}
        for one, issues in changed.items():
            if_closed: dict[int, dict[int, Contribution | None]] = defaultdict(dict)
            steps: dict[int, list[str]] = defaultdict(list)
            for each in issues & after.keys():
                for key_result_id, contribution in after[each].contributions.items():
                    if_closed[key_result_id][each] = contribution
                for key_result_id, names in after[each].steps.items():
                    steps[key_result_id] += names
            found[one] = self._worths(if_closed, steps) if one in after else []
        return found

    def _worths(self, changed: Mapping[int, IssueContributions], steps: Mapping[int, Sequence[str]]) -> list[Worth]:
        worths = [
            counted.worth(changed.get(id_, {}), steps.get(id_, ()))
            for id_ in sorted({*changed, *steps})
            if (counted := self._of_key_result(id_)) is not None
        ]
        return [one for one in worths if one.moves]

    def _of_key_result(self, id_: int) -> _Counted | None:
        if id_ not in self._counted:
            self._counted[id_] = self._read(id_)
        return self._counted[id_]

    def _read(self, id_: int) -> _Counted | None:
        """Return a key result with its contributions; None if its numbers no longer change with them."""
        (one,) = key_results.read(self.tx, [id_])
        if one.span.ends_at <= self.now or one.basis is None or (self.tallied_only and not one.measure.tallied):
            return None
        held = contributions.stored(self.tx, [id_])[id_]
        present = Present(one.span, tallied=one.measure.tallied)
        for issue_id, each in held.items():
            present.put(issue_id, each)
        inputs = Inputs(
            measure=one.measure,
            start=one.start,
            target=one.target,
            span=one.span,
            at=time_of_value(one.span, self.now),
            calendar=calendar_for(self.tx, one),
            checked_in=one.basis.checked_in,
            steps_done=one.basis.steps_done,
            known_since=contributions.known_since(self.tx, [id_]).get(id_),
            stay=one.stay,
        )
        found = forecasts.of_key_result(self.tx, id_)
        return _Counted(one, inputs, present, found if _is_of(found, one) else None)
