"""The likely values at the end of the cycle: those that are reached with 15, 50 and 85 percent."""

from collections.abc import Sequence
from dataclasses import dataclass

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.forecasts.shares_at_end import SharesAtEnd
from sync_service.domain.measures.progress import round_value

LEVELS = (15, 50, 85)
"""Percent of the likely values."""


@dataclass(frozen=True, slots=True)
class Likely:
    """The values that are reached, or passed in the direction of the target, with 15, 50 and 85 percent."""

    with_15: float
    with_50: float
    with_85: float


def likely(goal: Goal, position: Position, weeks: Sequence[Week], days: int, end: AtEnd) -> Likely:
    """Return the likely values after so many days, at whose end the distance to the target is `end`."""
    if goal.is_share:
        shares = SharesAtEnd(position, weeks, days)
        values = [shares.reached(goal, level) for level in LEVELS]
    else:
        values = [goal.value_at(goal.distance(position) - end.reached(level)) for level in LEVELS]
    return Likely(*(round_value(float(value)) for value in values))
