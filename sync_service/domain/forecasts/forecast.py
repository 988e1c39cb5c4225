"""The forecast of a key result: when it reaches its target, and where it is at the end of the cycle. Pure functions."""

from dataclasses import dataclass
from datetime import date, timedelta

from sync_service.domain.forecasts.at_end import DAYS, AtEnd
from sync_service.domain.forecasts.first_passage import weeks_to_target
from sync_service.domain.forecasts.goal import KINDS, Goal, History, Position, exact
from sync_service.domain.forecasts.likely import Likely, likely
from sync_service.domain.forecasts.samples import Samples, last_weeks
from sync_service.domain.forecasts.track_record import TrackRecord, track_record
from sync_service.domain.measures.progress import round_value
from sync_service.domain.text import counted

NO_VALUE = "there is no data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is likely to come. `weeks` is the number of weeks it is made of; `reason` says why they are not `enough`.

    The dates are those by which the target is reached with so many percent, None past two years. `chance` is the
    fraction that the value is at the target or past it at the end of the cycle. `pace_needed` is how much nearer the
    value has to come in each week that is left; None when none is left. All are None where there is not enough.
    """

    weeks: int
    enough: bool = True
    reason: str = ""
    on_50: date | None = None
    on_70: date | None = None
    on_85: date | None = None
    on_95: date | None = None
    chance: float | None = None
    likely: Likely | None = None
    pace_needed: float | None = None
    track_record: TrackRecord | None = None


def forecast(goal: Goal, position: Position, history: History, *, today: date, ends: date) -> Forecast | None:
    """Return the forecast as of a day, in a cycle whose last day is `ends`; None where the measure has none.

    Weeks are counted from today, without it: the first one ends on the same day of the next week.
    """
    if goal.kind not in KINDS:
        return None
    samples = last_weeks(history.weeks)
    reason = _why_not(goal, position, samples)
    if reason:
        return Forecast(weeks=len(samples.weeks), enough=False, reason=reason)
    days = max((ends - today).days, 0)
    end = AtEnd(goal, samples.weeks, days)
    on_50, on_70, on_85, on_95 = (_after(today, weeks) for weeks in weeks_to_target(goal, position, samples.weeks))
    return Forecast(
        weeks=len(samples.weeks),
        on_50=on_50,
        on_70=on_70,
        on_85=on_85,
        on_95=on_95,
        chance=float(end.chance(position)),
        likely=likely(goal, position, samples.weeks, days, end),
        pace_needed=pace_needed(goal, position, days),
        track_record=track_record(goal, history),
    )


def days_left_text(today: date, ends: date) -> str:
    """Return how long the cycle lasts, and how days that make no whole week count, in words."""
    days = max((ends - today).days, 0)
    weeks, rest = divmod(days, DAYS)
    if not rest:
        return f"{counted(weeks, 'week')} left" if weeks else "nothing left of the cycle"
    share = f"the last {'day counts' if rest == 1 else f'{rest} days count'} as {rest}/{DAYS} of a week"
    return f"{counted(weeks, 'whole week')} left, {share}" if weeks else share


def _why_not(goal: Goal, position: Position, samples: Samples) -> str:
    return NO_VALUE if goal.is_share and position.scope <= 0 else samples.reason


def _after(today: date, weeks: int | None) -> date | None:
    return None if weeks is None else today + timedelta(weeks=weeks)


def pace_needed(goal: Goal, position: Position, days: int) -> float | None:
    """Return by how much the value has to come nearer to the target a week; 0 when it is reached."""
    if goal.distance(position) <= 0:
        return 0.0
    missing = abs(exact(goal.target) - goal.value(position))
    return round_value(float(missing * DAYS / days)) if days else None
