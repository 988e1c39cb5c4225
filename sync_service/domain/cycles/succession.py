"""Carry over: the slug and the start of a key result's successor in the next cycle."""

from collections.abc import Collection
from itertools import count
from re import sub

from sync_service.domain.measures.settings import Measure

_OF_A_CYCLE = r"-(q[1-4]|h[12]|t[1-3])(-[0-9]+)?$"
"""The end of a slug that names a quarter, half or third of a year."""


def cumulative(measure: Measure) -> bool:
    """Return whether the successor starts with the settled value, and not with the same start or with 0."""
    if measure.kind in ("done-count", "done-sum"):
        return measure.within == "cycle"
    if measure.kind == "done-share":
        return measure.within == "ever"
    return measure.kind in ("open-count", "open-sum", "field", "steps", "manual")


def successor_start(measure: Measure, start: float | None, settled: float | None) -> float | None:
    """Return the start of a successor: the settled value for cumulative measures, else the same start."""
    return settled if cumulative(measure) and start is not None and settled is not None else start


def successor_slug(slug: str, cycle: str, taken: Collection[str]) -> str:
    """Return a free slug for a successor in a cycle: KR-1 in 2027-q1 becomes KR-1-q1, else KR-1-q1-2."""
    base = f"{sub(_OF_A_CYCLE, '', slug)}-{cycle.rsplit('-', 1)[-1]}"
    held = {one.lower() for one in taken}
    candidates = (base if number == 1 else f"{base}-{number}" for number in count(1))
    return next(one for one in candidates if one.lower() not in held)
