"""First passage: after how many weeks the target is reached with a probability."""

from collections.abc import Sequence

from sync_service.domain.forecasts.convolution import covered
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.lattice import lattice
from sync_service.domain.forecasts.samples import Week

LEVELS = (50, 70, 85, 95)
"""Percent of the dates."""

HORIZON = 104
"""Weeks that a forecast looks ahead: two years."""


def weeks_to_target(
    goal: Goal, position: Position, weeks: Sequence[Week], *, levels: Sequence[int] = LEVELS, horizon: int = HORIZON
) -> list[int | None]:
    """Return after how many weeks the target is reached with each percent, ascending; None: not within the horizon."""
    approaches = goal.approaches(weeks)
    on = lattice(approaches, HORIZON)
    steps, distance = on.rounded(approaches), on.steps_to(goal.distance(position))
    # If only the best weeks came, it would still be out of reach: nothing needs to be added up.
    horizon = horizon if max(steps) * horizon >= distance else 0
    chances = enumerate(covered(steps, distance, horizon))
    found: list[int | None] = []
    week, chance = next(chances)
    for level in levels:
        while 100 * chance < level and week < horizon:
            week, chance = next(chances)
        found.append(week if 100 * chance >= level else None)
    return found
