"""Measures: how a key result's value follows from its linked issues. Pure functions over tallies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any

from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Linked issues with the same state; `in_cycle`: closed within the cycle.

    `weight` is the sum of the links' weights. `points` is the sum of weight times points over the estimated issues,
    `unestimated` the sum of the weights of the others.
    """

    state: State
    in_cycle: bool
    issues: int
    weight: float
    points: float
    unestimated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure with its settings. `unestimated` is in points; `within` is `cycle` or `ever`."""

    kind: str
    weight: str = "count"
    unestimated: float = 1.0
    within: str = "cycle"


@dataclass(frozen=True, slots=True)
class Value:
    """The current value in the key result's unit (None: no data), and how it was computed, in words."""

    current: float | None
    explanation: str


SETTINGS: Mapping[str, tuple[str, ...]] = {
    "done-share": ("weight", "unestimated"),
    "done-count": ("within",),
    "open-count": (),
    "manual": (),
}
"""The kinds of measure, each with the settings it takes."""

_OPEN = (State.TODO, State.DOING)


DECIMALS = 6
"""Values and progress are computed to this many decimals."""

ALMOST, ALMOST_100 = 0.999999, 99.999999
"""The largest share that is not complete, as a fraction and in percent."""

NOISE = 1e-12
"""The relative difference up to which two sums are equal: the order of their terms changes the last bits."""


class MeasureError(ValueError):
    """A measure that cannot be used. `field` names the setting."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        self.field, self.found, self.allowed = field, found, allowed
        super().__init__(f"measure.{field}: found {found!r}, allowed is {allowed}")


def parse_measure(settings: Mapping[str, Any]) -> Measure:
    """Parse a measure of the configuration file. Raise `MeasureError` when it is invalid."""
    kind = settings.get("kind")
    if not isinstance(kind, str) or kind not in SETTINGS:
        raise MeasureError("kind", kind, "one of " + ", ".join(SETTINGS))
    for name in settings:
        if name != "kind" and name not in SETTINGS[kind]:
            allowed = ", ".join(SETTINGS[kind]) or "no setting"
            raise MeasureError(name, settings[name], f"for {kind}: {allowed}")
    weight, within = settings.get("weight", "count"), settings.get("within", "cycle")
    if weight not in ("count", "points"):
        raise MeasureError("weight", weight, "count or points")
    if within not in ("cycle", "ever"):
        raise MeasureError("within", within, "cycle or ever")
    unestimated = settings.get("unestimated", 1)
    if isinstance(unestimated, bool) or not isinstance(unestimated, int | float) or not 0 <= unestimated < 1e9:
        raise MeasureError("unestimated", unestimated, "a number of points, 0 or more")
    return Measure(kind=kind, weight=weight, unestimated=float(unestimated), within=within)


def compute(
    measure: Measure, *, start: float, target: float, tallies: Iterable[Tally], checked_in: float | None
) -> Value:
    """Compute the value, to six decimals; rounding never makes it the target.

    Dropped issues leave numerator and denominator. Without any linked issue there is no data.
    """
    if measure.kind == "manual":
        explanation = "no check-in has set a value yet" if checked_in is None else "set by the latest check-in"
        return Value(checked_in, explanation)
    linked = list(tallies)
    counting = [tally for tally in linked if tally.state is not State.DROPPED]
    dropped = sum(tally.issues for tally in linked if tally.state is State.DROPPED)
    dropped_text = f"; {dropped} dropped left out" if dropped else ""
    if not linked:
        return Value(None, "no issue is linked")
    current, explanation = _VALUES[measure.kind](measure, start, counting, dropped_text)
    return Value(None if current is None else round_value(current, target), explanation)


def _done_share(measure: Measure, start: float, tallies: list[Tally], dropped_text: str) -> tuple[float | None, str]:  # noqa: ARG001 - one signature for all measures
    def size(tally: Tally) -> float:
        return tally.weight if measure.weight == "count" else tally.points + measure.unestimated * tally.unestimated

    done = sum(size(tally) for tally in tallies if tally.state is State.DONE)
    left = sum(size(tally) for tally in tallies if tally.state is not State.DONE)
    total = done + left
    if total <= 0:
        return None, f"no linked issue counts{dropped_text}"
    issues = sum(tally.issues for tally in tallies)
    closed = sum(tally.issues for tally in tallies if tally.state is State.DONE)
    size_text = ""
    if measure.weight == "points":
        size_text = f", {number(done, apart_from=[total])} of {counted(total, 'point')}"
    elif (done, total) != (closed, issues):
        size_text = f", {number(done, apart_from=[total])} of {number(total)} by weight"
    share = 100.0 if left == 0 else min(100 * done / total, ALMOST_100)
    return share, f"{number(closed)} of {counted(issues, 'issue')} done{size_text}{dropped_text}"


def _done_count(measure: Measure, start: float, tallies: list[Tally], dropped_text: str) -> tuple[float | None, str]:
    ever = measure.within == "ever"
    done = sum(tally.issues for tally in tallies if tally.state is State.DONE and (ever or tally.in_cycle))
    when = "" if ever else " within the cycle"
    return start + done, f"{number(start)} at the start and {counted(done, 'issue')} done{when}{dropped_text}"


def _open_count(measure: Measure, start: float, tallies: list[Tally], dropped_text: str) -> tuple[float | None, str]:  # noqa: ARG001 - one signature for all measures
    open_issues = sum(tally.issues for tally in tallies if tally.state in _OPEN)
    issues = sum(tally.issues for tally in tallies)
    return float(open_issues), f"{number(open_issues)} of {counted(issues, 'linked issue')} still open{dropped_text}"


_VALUES = {"done-share": _done_share, "done-count": _done_count, "open-count": _open_count}


def progress(current: float | None, *, start: float, target: float) -> float | None:
    """Return (current - start) / (target - start), unclamped; None without data. Values may decrease.

    It is less than one until the target is reached, and one or more from then on.
    """
    if current is None:
        return None
    share = round_value((current - start) / (target - start))
    reached = current >= target if target > start else current <= target
    return max(share, 1.0) if reached else min(share, ALMOST)


def round_value(value: float, goal: float | None = None) -> float:
    """Return the value to six decimals; where that makes it the goal, one millionth before or after it.

    The last bits of a sum depend on its order, which must not move a value: they make no difference to the goal either.
    """
    rounded = round(value, DECIMALS)
    if goal is None:
        return rounded
    if isclose(value, goal, rel_tol=NOISE):
        return goal
    if value < goal <= rounded:
        return round(goal - 10.0**-DECIMALS, DECIMALS)
    return round(goal + 10.0**-DECIMALS, DECIMALS) if rounded <= goal < value else rounded
