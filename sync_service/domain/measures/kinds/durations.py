"""`lead-time`, `cycle-time` and `throughput`: how long work took, and how much was done a week."""

from collections.abc import Sequence
from datetime import datetime

from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.words import Line, Result, dropped_words, left_out, note, window_words
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State

_DAYS = {"calendar": "days", "working": "working days", "elapsed": "days of 24 hours"}


def duration_percentile(inputs: Inputs) -> Result:
    """Return the percentile of the durations of the issues done in the window."""
    contributions, since = list(inputs.contributions), window_starts_at(inputs)
    inside = [one for one in contributions if why_not(inputs, one, since) is None]
    durations = [duration for one in inside if (duration := duration_of(inputs, one)) is not None]
    taken = inputs.measure.take
    words = f"the {taken if taken == 'median' else taken[1:] + 'th percentile'} in {_DAYS[inputs.measure.days]}"
    words += f" of {counted(len(durations), 'issue')} done {window_words(inputs)}"
    if not durations:
        words = f"no issue {'with a known time ' if inside else ''}was done {window_words(inputs)}"
    words += note(len(inside) - len(durations), f"{_unknown(inputs)} left out") + _notes(contributions)
    return (percentile(durations, inputs.measure.percentile) if durations else None), words


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile by nearest rank: the smallest value that so many percent of them do not exceed."""
    return sorted(values)[rank(len(values), percent) - 1]


def rank(count: int, percent: int) -> int:
    """Return the rank of a percentile among so many values, counted from 1."""
    return max(-(-percent * count // 100), 1)


def throughput(inputs: Inputs) -> Result:
    """Return how many issues were done a week in the window; None when it is longer than the known time."""
    contributions, since = list(inputs.contributions), window_starts_at(inputs)
    weeks = (inputs.measure.window_days or 7) // 7
    done = sum(why_not(inputs, one, since) is None for one in contributions)
    if not contributions and not inputs.ever_linked:
        return None, "no issue is linked"
    if inputs.known_since is not None and inputs.known_since > since:
        day = inputs.calendar.day_of(inputs.known_since)
        return None, f"known only since {day}, not for the whole of {counted(weeks, 'week')}"
    return done / weeks, f"{counted(done, 'issue')} done {window_words(inputs)}{_notes(contributions)}"


def window_starts_at(inputs: Inputs) -> datetime:
    """Return the first moment of the window."""
    days = inputs.measure.window_days
    return inputs.span.starts_at if days is None else inputs.calendar.window_starts_at(inputs.at, days)


def why_not(inputs: Inputs, one: Contribution, since: datetime) -> str | None:
    """Return why an issue was not done in the window that begins then; None when it was. Only the cycle has an end."""
    if one.state is not State.DONE:
        return "dropped" if one.state is State.DROPPED else "not done"
    if one.closed_at is None:
        return "done at an unknown time"
    if one.closed_at < since:
        return "done before the window"
    late = inputs.measure.window_days is None and one.closed_at >= inputs.span.ends_at
    return "done after the cycle" if late else None


def duration_of(inputs: Inputs, one: Contribution) -> float | None:
    """Return how long a done issue took; None when its beginning is not known."""
    begin = one.created_at if inputs.measure.kind == "lead-time" else one.started_at
    if begin is None or one.closed_at is None:
        return None
    return inputs.calendar.duration(begin, one.closed_at, inputs.measure.days)


def _unknown(inputs: Inputs) -> str:
    return "without a known creation" if inputs.measure.kind == "lead-time" else "without a known start"


def _notes(contributions: Sequence[Contribution]) -> str:
    undated = sum(one.state is State.DONE and one.closed_at is None for one in contributions)
    dropped = sum(one.state is State.DROPPED for one in contributions)
    return note(undated, "done at an unknown time left out") + dropped_words(dropped)


def duration_line(inputs: Inputs, one: Contribution) -> Line:
    """Return how long one issue took."""
    reason = why_not(inputs, one, window_starts_at(inputs))
    duration = duration_of(inputs, one) if reason is None else None
    if duration is None:
        return left_out(reason or _unknown(inputs))
    begin = one.created_at if inputs.measure.kind == "lead-time" else one.started_at
    first, last = (inputs.calendar.day_of(at) for at in (begin, one.closed_at) if at is not None)
    return Line(duration, f"{number(duration)} {_DAYS[inputs.measure.days]}, from {first} to {last}")


def throughput_line(inputs: Inputs, one: Contribution) -> Line:
    """Return whether one issue counts as done in the window."""
    reason = why_not(inputs, one, window_starts_at(inputs))
    if reason is not None or one.closed_at is None:
        return left_out(f"{reason}")
    return Line(1.0, f"done on {inputs.calendar.day_of(one.closed_at)}")
