"""The track record of forecasts: of the dates that they would have called in the past, how many came true."""

from dataclasses import dataclass

from sync_service.domain.forecasts.first_passage import weeks_to_target
from sync_service.domain.forecasts.goal import Goal, History
from sync_service.domain.forecasts.samples import FEWEST_WEEKS, last_weeks

LEVEL = 85
"""Percent of the dates that are looked back at."""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How many dates were called with 85 % and have passed, and by how many of them the target was reached."""

    called: int = 0
    came_true: int = 0


def track_record(goal: Goal, history: History) -> TrackRecord:
    """Return what came of the forecasts at the end of each past week, each made of what was known then.

    A date that has not passed yet is left out, also where the target is reached by now: else dates that come true
    early would count before those that do not. No forecast is made of a target that is reached.
    """
    first = max(FEWEST_WEEKS, history.counts_from)
    outcomes = [came_true(goal, history, made) for made in range(first, len(history.weeks))]
    return TrackRecord(called=sum(one is not None for one in outcomes), came_true=sum(one is True for one in outcomes))


def came_true(goal: Goal, history: History, made: int) -> bool | None:
    """Return whether the date came true that the forecast after so many weeks called; None: it called none by now."""
    position, later = history.positions[made], history.positions[made + 1 :]
    if goal.distance(position) <= 0 or (goal.is_share and position.scope <= 0):
        return None
    weeks = last_weeks(history.weeks[:made]).weeks
    (called,) = weeks_to_target(goal, position, weeks, levels=(LEVEL,), horizon=len(later))
    return None if called is None else any(goal.distance(one) <= 0 for one in later[:called])
