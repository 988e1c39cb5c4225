"""Benchmark of forecasts: how many of the dates called with 85 % come true, the track record, and the time it takes."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from math import exp
from random import Random
from statistics import median

from bench.report import Finding
from sync_service.domain.forecasts.forecast import Forecast, forecast
from sync_service.domain.forecasts.goal import Goal, History, Position
from sync_service.domain.forecasts.samples import FEWEST_WEEKS, MOST_WEEKS, Week
from sync_service.domain.forecasts.track_record import TrackRecord

FORECASTS = 2_000
"""Forecasts of each generator."""

TRACKED = 60
"""Series of each generator whose track record is compared with what came in so many more weeks:"""
TRACKED_WEEKS = 14

MEAN = 5.0
"""Issues done in a week."""

WEEKS_AWAY = (2.0, 8.0)
"""How far targets are away at the mean pace, from the least to the most; `FAR_AWAY` is printed without a bound."""
FAR_AWAY = (12.0, 26.0)

TODAY, ENDS = date(2026, 10, 5), date(2026, 12, 31)
LINKS = (100, 1_000, 10_000)
ROUNDS = 9
MILLISECONDS = 50.0

Generator = Callable[[Random], Iterator[Week]]


def poisson(random: Random, mean: float) -> int:
    """Return a number of arrivals at this mean rate."""
    count, left = 0, random.expovariate(1)
    while left < mean:
        count, left = count + 1, left + random.expovariate(1)
    return count


def independent(random: Random) -> Iterator[Week]:
    """Yield weeks that know nothing of each other."""
    while True:
        yield Week(done=poisson(random, MEAN))


def overdispersed(random: Random) -> Iterator[Week]:
    """Yield independent weeks, a few of which are very good."""
    while True:
        yield Week(done=poisson(random, random.gammavariate(0.7, MEAN / 0.7)))


def autocorrelated(random: Random) -> Iterator[Week]:
    """Yield weeks that are like the week before: good and bad times last."""
    deviation = random.gauss(0, 0.6)
    while True:
        yield Week(done=poisson(random, MEAN * exp(deviation - 0.18)))
        deviation = 0.8 * deviation + 0.6 * random.gauss(0, 0.6)


def trend(random: Random) -> Iterator[Week]:
    """Yield weeks that get worse by 3 % each."""
    rate = 1.5 * MEAN
    while True:
        yield Week(done=poisson(random, rate))
        rate = max(0.97 * rate, 0.5)


def growing_scope(random: Random) -> Iterator[Week]:
    """Yield weeks in which more and more is added, until half as much as is done."""
    added = 0.0
    while True:
        yield Week(done=poisson(random, MEAN), added=poisson(random, added))
        added = min(added + 0.1, MEAN / 2)


GENERATORS: Mapping[str, tuple[Generator, str]] = {
    "independent": (independent, "done-count"),
    "overdispersed": (overdispersed, "done-count"),
    "autocorrelated": (autocorrelated, "done-count"),
    "trend": (trend, "done-count"),
    "growing scope": (growing_scope, "open-count"),
}
"""Each generator with the kind of measure that its weeks are forecast for. The name and a number are the seed."""


@dataclass(frozen=True)
class Series:
    """Weeks as a generator made them, all that follow, and a goal that is not reached at the end of these weeks."""

    history: History
    later: Iterator[Week]
    goal: Goal

    @property
    def position(self) -> Position:
        """Return the position at the end of the weeks."""
        return self.history.positions[-1]


def series(name: str, number: int, *, away: tuple[float, float]) -> Series:
    """Return the series with this number: its goal is so many mean weeks away from the position at its end."""
    random = Random(f"{name} {number} {away}")  # noqa: S311 — the same series each time
    generator, kind = GENERATORS[name]
    endless = generator(random)
    history = History(Position.of(0, 0), list(islice(endless, MOST_WEEKS)))
    missing = max(round(random.uniform(*away) * MEAN), 1)
    end = history.positions[-1]
    if kind == "open-count":
        # What is open at first is so much that the target, none, is as far away as the others.
        first = Position.of(0, float(missing + end.done - end.scope))
        return Series(History(first, history.weeks), endless, Goal(kind, float(missing + end.done), 0))
    return Series(history, endless, Goal(kind, 0, float(end.done + missing)))


def forecast_at(goal: Goal, position: Position, history: History) -> Forecast:
    """Return the forecast as the product makes it at a position."""
    found = forecast(goal, position, history, today=TODAY, ends=ENDS)
    if found is None or not found.enough:
        raise RuntimeError("a forecast is missing")
    return found


def comes_true(one: Series) -> bool | None:
    """Return whether the target was reached by the date called with 85 %; None: no date was called."""
    called = forecast_at(one.goal, one.position, one.history).on_85
    if called is None:
        return None
    position = one.position
    for week in islice(one.later, (called - TODAY).days // 7):
        position = position.after(week)
        if one.goal.distance(position) <= 0:
            return True
    return False


def measure(_: object, database: str) -> Iterator[Finding]:
    """Yield all findings; they need no database."""
    for name in GENERATORS:
        yield from _calibration(name, database)
    yield _finding("85 % dates, independent, far away", database, _share("independent", FAR_AWAY))
    for name in GENERATORS:
        yield _track(name, database)
    yield from _times(database)


def _finding(
    what: str, database: str, outcomes: Sequence[bool], *, bound: float | None = None, at_least: bool = True
) -> Finding:
    """Return a percentage, which must keep its bound: the same seeds give the same figure on any machine."""
    return Finding(
        what=what,
        database=database,
        figure=100 * sum(outcomes) / len(outcomes),
        unit="%",
        bound=bound,
        at_least=at_least,
        forgiven=1.0,
        parts={"came true": sum(outcomes), "of": len(outcomes)},
    )


def _calibration(name: str, database: str) -> Iterator[Finding]:
    outcomes = _share(name, WEEKS_AWAY)
    if name == "independent":
        yield _finding(f"85 % dates, {name}", database, outcomes, bound=80.0)
        yield _finding(f"85 % dates, {name}", database, outcomes, bound=90.0, at_least=False)
    else:
        yield _finding(f"85 % dates, {name}", database, outcomes)


def _share(name: str, away: tuple[float, float]) -> Sequence[bool]:
    """Return which of the dates that were called came true."""
    found = (comes_true(series(name, number, away=away)) for number in range(FORECASTS))
    return [one for one in found if one is not None]


def _track(name: str, database: str) -> Finding:
    """Return how many track records are what came of the forecasts, made week by week."""
    pairs = [_records(series(name, number, away=WEEKS_AWAY)) for number in range(TRACKED)]
    found = _finding(f"track record as it came, {name}", database, [one == other for one, other in pairs], bound=100.0)
    called, came_true = (sum(getattr(one, field) for one, _ in pairs) for field in ("called", "came_true"))
    return replace(found, parts={"series": len(pairs), "called": called, "came true": came_true})


def _records(one: Series) -> tuple[TrackRecord | None, TrackRecord]:
    """Return the track record that the product shows some weeks later, and what came."""
    history = History(one.history.first, [*one.history.weeks, *islice(one.later, TRACKED_WEEKS)])
    shown = forecast_at(one.goal, history.positions[-1], history).track_record
    outcomes = [
        outcome
        for made in range(FEWEST_WEEKS, len(history.weeks))
        if (outcome := _outcome(one.goal, history, made)) is not None
    ]
    return shown, TrackRecord(called=len(outcomes), came_true=sum(outcomes))


def _outcome(goal: Goal, history: History, made: int) -> bool | None:
    """Return whether the date came true that the forecast after so many weeks showed; None: it has not passed."""
    distances = [goal.distance(position) for position in history.positions[made:]]
    if distances[0] <= 0:
        return None
    known = History(history.first, history.weeks[:made])
    date_shown = forecast_at(goal, history.positions[made], known).on_85
    passed = [TODAY + timedelta(weeks=week) for week in range(len(distances))]
    if date_shown is None or date_shown > passed[-1]:
        return None
    return any(distance <= 0 for distance, day in zip(distances, passed, strict=True) if day <= date_shown)


def _times(database: str) -> Iterator[Finding]:
    """Yield the time of a forecast by the number of links, with a cycle that ends in a quarter and in two years."""
    for words, ends in (("a quarter", TODAY + timedelta(weeks=13)), ("two years", TODAY + timedelta(weeks=104))):
        times = {f"{links} links": _milliseconds(links, ends) for links in LINKS}
        yield Finding(
            what=f"forecast of {LINKS[-1]:,} links, {words} ahead",
            database=database,
            figure=times[f"{LINKS[-1]} links"],
            unit="ms",
            bound=MILLISECONDS,
            at_least=False,
            parts=times,
        )


def _milliseconds(links: int, ends: date) -> float:
    """Return the median processor time of forecasts of a share, which need the most sums; they wait for nothing."""
    random = Random(links)  # noqa: S311 — the same numbers each time
    most = links // 50
    weeks = [
        Week(random.randint(0, most), random.randint(0, most // 2), random.randint(0, most // 8)) for _ in range(26)
    ]
    history = History(Position.of(0, links / 2), weeks)
    goal, position = Goal("done-share", 0, 95), Position.of(0.4 * links, links)
    found = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        forecast(goal, position, history, today=TODAY, ends=ends)
        found.append(1000 * (time.process_time() - began))
    return median(found)
