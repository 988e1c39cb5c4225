"""A forecast in plain sentences: chance, dates, likely values, pace, what it is made of, and its track record."""

from collections.abc import Iterator
from datetime import date

from sync_service.domain.forecasts.forecast import Forecast, days_left_text
from sync_service.domain.forecasts.goal import KINDS
from sync_service.domain.forecasts.track_record import LEVEL, TrackRecord
from sync_service.domain.text import amount, counted, listed, number, percent, whole_percents

SOON = "its forecast is computed within two minutes"


def why_none(kind: str, *, stays: bool, closed: bool) -> str:
    """Return why a key result has no forecast, in words."""
    if closed:
        return "its numbers are final"
    if stays:
        return "it has to stay in a range, which has no forecast"
    return SOON if kind in KINDS else f"the measure {kind} has no forecast"


def forecast_sentences(
    one: Forecast, *, unit: str, target: float, rises: bool, today: date, ends: date
) -> Iterator[str]:
    """Yield what a forecast says, sentence by sentence."""
    if not one.enough or one.chance is None or one.likely is None:
        yield f"Too little to say: {one.reason}."
        return
    yield f"The target is reached at the end of the cycle, on {day_text(ends)}, with a chance of {percent(one.chance)}."
    yield f"It is reached {_dates(one)}."
    likely = one.likely
    least, middle, most = (amount(each, unit, target) for each in (likely.with_85, likely.with_50, likely.with_15))
    more = "or more" if rises else "or less"
    yield f"At the end it is likely {least} {more} (85 in 100), {middle} {more} (50 in 100), {most} {more} (15 in 100)."
    if one.pace_needed == 0:
        yield "The target is reached now."
    elif one.pace_needed is not None:
        yield f"From now on it needs {amount(one.pace_needed, unit)} a week."
    yield f"This is made of the last {counted(one.weeks, 'full week')}; {days_left_text(today, ends)}."
    yield track_record_text(one.track_record or TrackRecord())


def track_record_text(one: TrackRecord) -> str:
    """Return what came of earlier forecasts, as a sentence."""
    if not one.called:
        return f"No earlier date called with {percent(LEVEL / 100)} has passed yet, so it has no track record."
    dates = counted(one.called, "earlier date")
    return f"Of {dates} called with {percent(LEVEL / 100)}, {number(one.came_true)} came true."


def effect_text(effect: float) -> str:
    """Return by how much the chance would rise if an issue were done now, in words."""
    points = whole_percents(effect)
    if points:
        return f"done now, the chance rises by {counted(points, 'percentage point')}"
    return "done now, the chance rises by less than 1 percentage point" if effect > 0 else "no effect on the chance"


def day_text(day: date) -> str:
    """Return a day as `14 January 2027`."""
    return f"{day.day} {day:%B %Y}"


def _dates(one: Forecast) -> str:
    called = {50: one.on_50, 70: one.on_70, 85: one.on_85, 95: one.on_95}
    known = [f"by {day_text(on)} with {percent(level / 100)}" for level, on in called.items() if on is not None]
    never = [percent(level / 100) for level, on in called.items() if on is None]
    late = f"later than in two years, or never, with {listed(never)}" if never else ""
    return ", ".join(filter(None, [*known, late]))
