"""Progress from a value, start and target, or from a range to stay in; rounding never reaches a goal early."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any

from sync_service.domain.measures.setting_values import MeasureError
from sync_service.domain.text import did_you_mean, in_full

DECIMALS = 6
"""Values and progress are computed to this many decimals."""

ALMOST, ALMOST_100 = 0.999999, 99.999999
"""The largest share that is not complete, as a fraction and in percent."""

NOISE = 1e-12
"""The relative difference up to which two sums are equal: the order of their terms changes the last bits."""


def progress(current: float | None, *, start: float, target: float) -> float | None:
    """Return (current - start) / (target - start), unclamped; None without data. Values may decrease.

    It is less than one until the target is reached, and one or more from then on.
    """
    if current is None:
        return None
    share = round_value((current - start) / (target - start))
    reached = current >= target if target > start else current <= target
    return max(share, 1.0) if reached else min(share, ALMOST)


@dataclass(frozen=True, slots=True)
class Stay:
    """A range to stay in, bounds included. None: it has no such bound."""

    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> tuple[float, ...]:
        """Return the bounds that it has."""
        return tuple(one for one in (self.low, self.high) if one is not None)

    def contains(self, value: float) -> bool:
        """Return whether the value is in the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


STAYS = ("above", "below", "within")
"""The ways to write a range."""


def parse_stay(written: Mapping[str, Any]) -> Stay:
    """Parse a range: `{above: 99.5}`, `{below: 5}` or `{within: [1, 2]}`. Raise `MeasureError` when it is invalid."""
    names = list(written)
    if len(names) != 1 or names[0] not in STAYS:
        unknown = next((name for name in names if name not in STAYS), None)
        allowed = "exactly one of " + ", ".join(STAYS) + (did_you_mean(unknown, STAYS) if unknown is not None else "")
        raise MeasureError("stay", ", ".join(map(str, names)) or None, allowed)
    (name,) = names
    if name == "within":
        return Stay(*_ends(written[name]))
    if not _is_number(written[name]):
        raise MeasureError("stay", written[name], "a number", inside=(name,))
    bound = float(written[name])
    return Stay(low=bound) if name == "above" else Stay(high=bound)


def _ends(ends: object) -> tuple[float, float]:
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(map(_is_number, ends)):
        raise MeasureError("stay", ends, "two numbers, the lowest and the highest", inside=("within",))
    low, high = map(float, ends)
    if low > high:
        nearest = f"[{in_full(high)}, {in_full(low)}]"
        allowed = f"the lowest number before the highest; did you mean {nearest}?"
        raise MeasureError("stay", f"[{in_full(low)}, {in_full(high)}]", allowed, inside=("within",))
    return low, high


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e15


def progress_in_range(current: float | None, stay: Stay) -> float | None:
    """Return 1 inside the range, its bounds included, and 0 outside; None without data."""
    return None if current is None else float(stay.contains(current))


def round_value(value: float, goal: float | None = None) -> float:
    """Return the value to six decimals; if that would make it equal to the goal, one millionth away from it.

    The last bits of a sum depend on its order: they change neither a value nor whether it is equal to the goal.
    """
    rounded = round(value, DECIMALS)
    if goal is None:
        return rounded
    if isclose(value, goal, rel_tol=NOISE):
        return goal
    if value < goal <= rounded:
        return round(goal - 10.0**-DECIMALS, DECIMALS)
    return round(goal + 10.0**-DECIMALS, DECIMALS) if rounded <= goal < value else rounded


def round_apart_from(value: float, goals: Iterable[float]) -> float:
    """Return the value to six decimals, never rounded to a goal: the target, or the bounds of a range."""
    moved = (rounded for goal in goals if (rounded := round_value(value, goal)) != round(value, DECIMALS))
    return next(moved, round_value(value))
