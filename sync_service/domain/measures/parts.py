"""Parts of a change: how much of it was work, and how much moved goalposts.

The changes are applied to the old inputs in one order (`PartKind`); each part is the value after one kind of change
minus the value before it, so that the parts add up to the whole change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import ClosedWhen, Contribution, Tally, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.progress import DECIMALS
from sync_service.domain.measures.settings import Measure
from sync_service.domain.trackers.observations import State

WORK_FIELDS = ("state", "created_at", "started_at", "closed_at", "reopened")
"""Fields of a contribution about its work and when it was done; the others say how much it counts."""

_ORDER = (State.TODO, State.DOING, State.DONE)
_SIZES = ("issues", "without_number", "weight", "number", "weighted_number", "weight_without_number")


class PartKind(StrEnum):
    """Kinds of parts, in the order in which changes are applied. `rule` includes the settings of the measure."""

    RULE = "rule"
    TARGET = "target"
    SCOPE_DROPPED = "scope_dropped"
    SCOPE_ADDED = "scope_added"
    WEIGHT = "weight"
    REOPENED = "reopened"
    DONE = "done"
    CHECK_IN = "check_in"
    TIME = "time"


_KINDS = tuple(PartKind)

Steps = dict[PartKind, Contribution | None]
"""The contribution of an issue after each kind of change; None: it is not linked then."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a change: its kind, and the change of the value in the key result's unit."""

    kind: PartKind
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a value is computed from, apart from its contributions. `at` is the time as of which it is computed."""

    measure: Measure
    start: float | None
    target: float | None
    at: datetime
    checked_in: float | None = None
    steps_done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContributionChange:
    """The contribution of one issue before and after; None: the issue is not linked. `by_rule`: a rule linked it."""

    before: Contribution | None
    after: Contribution | None
    by_rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to split: what the value was computed from, the inputs after it, and the changed contributions.

    `before` None: nothing was computed before, or not with these inputs. `inputs` has the tallies after the change, or
    all contributions where the measure reads single ones: then `unchanged` has those that did not change.
    """

    before: Basis | None
    after: Basis
    inputs: Inputs
    contributions: Mapping[int, ContributionChange]
    unchanged: Sequence[Contribution] = ()


def split(change: Change, *, value_before: float | None, value_after: float | None) -> tuple[Part, ...]:
    """Return the parts of a change, which add up to the value after minus the value before it.

    Without a value before or after there are no parts. A kind after which there is no data keeps the last value.
    """
    if value_before is None or value_after is None or value_before == value_after:
        return ()
    if change.before is None:
        return (Part(PartKind.RULE, round(value_after - value_before, DECIMALS)),)
    stages = _Stages(change.before, change)
    # The same inputs give another value now: the computation has changed, like settings.
    kinds = stages.kinds() or [PartKind.RULE]
    parts, last = [], value_before
    for kind in kinds[:-1]:
        value = compute(stages.inputs_after(kind)).current
        if value is not None:
            parts.append(Part(kind, round(value - last, DECIMALS)))
            last = value
    parts.append(Part(kinds[-1], round(value_after - last, DECIMALS)))
    return tuple(part for part in parts if part.change)


class _Stages:
    """The inputs between two computations, after each kind of change."""

    def __init__(self, before: Basis, change: Change) -> None:
        self._before, self._after, self._change = before, change.after, change
        self._settings_changed = before.measure != change.after.measure
        self._issues = [
            (one.before, steps_of(one, settings_changed=self._settings_changed))
            for one in change.contributions.values()
        ]

    def kinds(self) -> list[PartKind]:
        """Return the kinds of changes there are, in their order."""
        before, after = self._before, self._after
        found = {
            PartKind.RULE: self._settings_changed,
            PartKind.TARGET: (before.start, before.target) != (after.start, after.target),
            PartKind.CHECK_IN: (before.checked_in, before.steps_done) != (after.checked_in, after.steps_done),
            PartKind.TIME: before.at != after.at and after.measure.reads_time,
        }
        return [kind for kind in PartKind if found.get(kind) or any(kind in steps for _, steps in self._issues)]

    def inputs_after(self, last: PartKind) -> Inputs:
        """Return the inputs after all kinds of changes up to one."""
        applied = _KINDS[: _KINDS.index(last) + 1]
        present = [one for first, steps in self._issues if (one := _after_steps(first, steps, applied)) is not None]
        inputs, before, change = self._change.inputs, self._before, self._change
        if PartKind.TARGET not in applied:
            inputs = replace(inputs, start=before.start, target=before.target)
        if PartKind.CHECK_IN not in applied:
            inputs = replace(inputs, checked_in=before.checked_in, steps_done=before.steps_done)
        if PartKind.TIME not in applied:
            inputs = replace(inputs, at=before.at)
        if not inputs.measure.tallied:
            return replace(inputs, contributions=(*change.unchanged, *present))
        replaced = [one.after for one in change.contributions.values() if one.after is not None]
        tallies = exchange(inputs.tallies, tally(replaced, inputs.span), tally(present, inputs.span))
        return replace(inputs, tallies=tallies)


def steps_of(change: ContributionChange, *, settings_changed: bool = False) -> Steps:
    """Return the contribution of an issue after each kind of change that it went through.

    The whole change of an issue that is linked, no longer linked, dropped or taken up again is of one kind. Where the
    settings of the measure changed, it reads other fields of the issues: these belong to the settings.
    """
    before, after = change.before, change.after
    if before is None or after is None:
        kind = PartKind.SCOPE_ADDED if before is None else PartKind.SCOPE_DROPPED
        return {PartKind.RULE if change.by_rule else kind: after}
    if State.DROPPED in (before.state, after.state):
        return {PartKind.SCOPE_DROPPED if after.state is State.DROPPED else PartKind.SCOPE_ADDED: after}
    if settings_changed and before.state is after.state:
        return {PartKind.RULE: after}
    sized = replace(after, **{name: getattr(before, name) for name in WORK_FIELDS})
    steps: Steps = {}
    if sized != before:
        steps[PartKind.RULE if settings_changed else PartKind.WEIGHT] = sized
    if after != sized:
        steps[_kind_of_work(before.state, after.state)] = after
    return steps


def _kind_of_work(before: State, after: State) -> PartKind:
    """Return the kind of a change of state or dates; work that is taken back counts as reopened."""
    return PartKind.REOPENED if _ORDER.index(after) < _ORDER.index(before) else PartKind.DONE


def _after_steps(before: Contribution | None, steps: Steps, applied: Sequence[PartKind]) -> Contribution | None:
    return next((steps[kind] for kind in reversed(applied) if kind in steps), before)


def exchange(tallies: Iterable[Tally], removed: Sequence[Tally], added: Sequence[Tally]) -> tuple[Tally, ...]:
    """Return tallies with some contributions replaced by others."""
    sums: dict[tuple[State, ClosedWhen | None], list[float]] = {}
    for sign, some in ((1, tallies), (-1, removed), (1, added)):
        for one in some:
            sizes = sums.setdefault((one.state, one.closed), [0.0] * len(_SIZES))
            for index, name in enumerate(_SIZES):
                sizes[index] += sign * getattr(one, name)
    # A group without issues is left out: what is left of its sums is rounding.
    return tuple(
        Tally(state=state, closed=closed, issues=round(sizes[0]), without_number=round(sizes[1]), **_floats(sizes))
        for (state, closed), sizes in sums.items()
        if round(sizes[0])
    )


def _floats(sizes: Sequence[float]) -> dict[str, float]:
    return dict(zip(_SIZES[2:], sizes[2:], strict=True))
