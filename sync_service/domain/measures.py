"""Measures: how a key result's value follows from its linked issues. Each is a pure function over tallies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sync_service.domain.issues import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Linked issues that stand alike; `in_cycle` says that they were closed within the cycle.

    `weight` sums the links' weights; `points` sums weight times points over the estimated issues,
    `unestimated` sums the weights of the others.
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
"""The measures, each with the settings it takes."""

_OPEN = (State.TODO, State.DOING)


class MeasureError(ValueError):
    """A measure that can't be used. `field` names the setting."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        self.field, self.found, self.allowed = field, found, allowed
        super().__init__(f"measure.{field}: found {found!r}, allowed is {allowed}")


def parse_measure(settings: Mapping[str, Any]) -> Measure:
    """Read a measure as the configuration file has it. Raises `MeasureError`."""
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


def compute(measure: Measure, *, start: float, tallies: Iterable[Tally], checked_in: float | None) -> Value:
    """Compute the value. Dropped issues leave numerator and denominator; nothing linked is no data."""
    if measure.kind == "manual":
        said = "no check-in has set a value yet" if checked_in is None else "set by the latest check-in"
        return Value(checked_in, said)
    linked = list(tallies)
    counted = [tally for tally in linked if tally.state is not State.DROPPED]
    dropped = sum(tally.issues for tally in linked if tally.state is State.DROPPED)
    aside = f"; {dropped} dropped left out" if dropped else ""
    if not linked:
        return Value(None, "no issue is linked")
    return Value(*_VALUES[measure.kind](measure, start, counted, aside))


def _done_share(measure: Measure, start: float, counted: list[Tally], aside: str) -> tuple[float | None, str]:  # noqa: ARG001 - one signature for all measures
    def size(tally: Tally) -> float:
        return tally.weight if measure.weight == "count" else tally.points + measure.unestimated * tally.unestimated

    whole = sum(size(tally) for tally in counted)
    done = sum(size(tally) for tally in counted if tally.state is State.DONE)
    if whole <= 0:
        return None, f"no linked issue counts{aside}"
    issues = sum(tally.issues for tally in counted)
    closed = sum(tally.issues for tally in counted if tally.state is State.DONE)
    weighed = ""
    if measure.weight == "points":
        weighed = f", {done:g} of {whole:g} points"
    elif (done, whole) != (closed, issues):
        weighed = f", {done:g} of {whole:g} by weight"
    return _round(100 * done / whole), f"{closed} of {issues} issues done{weighed}{aside}"


def _done_count(measure: Measure, start: float, counted: list[Tally], aside: str) -> tuple[float | None, str]:
    in_time = measure.within == "ever"
    done = sum(tally.issues for tally in counted if tally.state is State.DONE and (in_time or tally.in_cycle))
    when = "" if in_time else " within the cycle"
    return _round(start + done), f"{start:g} at the start and {done} issues done{when}{aside}"


def _open_count(measure: Measure, start: float, counted: list[Tally], aside: str) -> tuple[float | None, str]:  # noqa: ARG001 - one signature for all measures
    still = sum(tally.issues for tally in counted if tally.state in _OPEN)
    return float(still), f"{still} of {sum(tally.issues for tally in counted)} linked issues still open{aside}"


_VALUES = {"done-share": _done_share, "done-count": _done_count, "open-count": _open_count}


def progress(current: float | None, *, start: float, target: float) -> float | None:
    """Give (current - start) / (target - start), unclamped; None without data. Values may decrease."""
    return None if current is None else _round((current - start) / (target - start))


def roll_up(parts: Iterable[tuple[float, float | None]]) -> tuple[float | None, int]:
    """Roll (weight, progress) of key results up to their objective: the weighted mean of progress clamped to 0…1.

    Those without data are left out; the second number says how many.
    """
    both = list(parts)
    known = [(weight, min(max(part, 0.0), 1.0)) for weight, part in both if part is not None]
    whole = sum(weight for weight, _ in known)
    mean = sum(weight * part for weight, part in known) / whole if whole > 0 else None
    return (None if mean is None else _round(mean)), len(both) - len(known)


def _round(value: float) -> float:
    # Sums of floats in another order differ in the last bits; a history entry for that would be noise.
    return round(value, 6)
