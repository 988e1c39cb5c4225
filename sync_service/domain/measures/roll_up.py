"""Roll-up: the progress of an objective from the progress of its key results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

from sync_service.domain.measures.progress import ALMOST, NOISE, round_value


class Member(NamedTuple):
    """A key result, or an aligned objective that counts. `moved` is current - start, `distance` is target - start."""

    weight: float
    progress: float | None
    moved: float | None = None
    distance: float | None = None
    rolls_up: bool = True

    @classmethod
    def of(cls, one: Any) -> "Member":
        """Return the member that a key result is, by its view or row."""
        if one.start is None or one.target is None:
            return cls(one.weight, one.progress, rolls_up=one.rolls_up)
        moved = None if one.current is None else one.current - one.start
        return cls(one.weight, one.progress, moved, one.target - one.start, one.rolls_up)

    @property
    def clamped(self) -> float:
        """The progress, clamped to 0…1; 0 without data."""
        return min(max(self.progress or 0.0, 0.0), 1.0)


def roll_up(members: Iterable[Member], way: str = "weighted") -> tuple[float | None, int]:
    """Return the progress of an objective from its members, in one of four ways.

    It is 1 or more only when all of them are complete. Members without data are left out; the second number counts
    them. Members that do not roll up are left out and not counted.
    """
    rolling = [one for one in members if one.rolls_up]
    known = [one for one in rolling if one.progress is not None]
    share, without_data = WAYS[way](known), len(rolling) - len(known)
    if share is None:
        return None, without_data
    complete = all(one.clamped >= 1 for one in known if one.weight > 0 or way != "weighted")
    return (max(round_value(share), 1.0) if complete else min(round_value(share), ALMOST)), without_data


def _weighted(known: Sequence[Member]) -> float | None:
    total = fsum(one.weight for one in known)
    return fsum(one.weight * one.clamped for one in known) / total if total > 0 else None


def _sum(known: Sequence[Member]) -> float | None:
    measured = [one for one in known if one.moved is not None and one.distance is not None]
    distances = [one.distance or 0.0 for one in measured]
    distance = fsum(distances)
    if abs(distance) <= NOISE * fsum(map(abs, distances)):  # those that rise and those that fall cancel out
        return None
    return fsum(one.moved or 0.0 for one in measured) / distance


def _weakest(known: Sequence[Member]) -> float | None:
    return min((one.clamped for one in known), default=None)


def _none(_: Sequence[Member]) -> float | None:
    return None


WAYS: Mapping[str, Callable[[Sequence[Member]], float | None]] = {
    "weighted": _weighted,
    "sum": _sum,
    "weakest": _weakest,
    "none": _none,
}
"""The ways to roll up."""
