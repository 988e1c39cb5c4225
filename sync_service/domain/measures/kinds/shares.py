"""`done-share`: how much of the linked work is done, in percent, by number of issues or by a number field."""

from collections.abc import Sequence
from math import fsum

from sync_service.domain.measures.contributions import ClosedWhen, Contribution, Tally, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.words import TIMES, Line, Result, dropped_words, left_out, note, number_words
from sync_service.domain.measures.progress import ALMOST_100
from sync_service.domain.measures.settings import Measure
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State


def percentage(reached: float, missing: float) -> float | None:
    """Return the share in percent, 100 only when nothing is missing; None when there is nothing."""
    total = reached + missing
    if total <= 0:
        return None
    return 100.0 if missing == 0 else min(100 * reached / total, ALMOST_100)


def done_share(inputs: Inputs) -> Result:
    """Return the sum of size times credit as percent of the sum of sizes, over the issues that count."""
    measure, linked = inputs.measure, inputs.summed()
    if not linked:
        return None, "no issue is linked"
    counting = [one for one in linked if why_not(measure, one.state, one.closed) is None]
    notes = _notes(measure, linked, counting)
    reached, missing = _sums(measure, counting)
    share = percentage(reached, missing)
    if share is None:
        return None, f"no linked issue counts{notes}"
    issues = sum(one.issues for one in counting)
    done = sum(one.issues for one in counting if credit(measure, one.state) == 1 and one.state is not State.DOING)
    words = f"{number(done)} of {counted(issues, 'issue')} done"
    sizes = _size_words(measure, reached, reached + missing, plain=(float(done), float(issues)))
    return share, f"{words}{sizes}{notes}"


def credit(measure: Measure, state: State) -> float:
    """Return how much of an issue in this state is done."""
    if state is State.DROPPED:
        return float(measure.dropped == "done")
    return {State.DONE: 1.0, State.DOING: measure.doing}.get(state, 0.0)


def why_not(measure: Measure, state: State, closed: ClosedWhen | None) -> str | None:
    """Return why an issue leaves both sums; None when it counts."""
    if state is State.DROPPED and measure.dropped == "leave":
        return "dropped"
    return "closed before the cycle" if measure.within == "cycle" and closed is ClosedWhen.BEFORE else None


def size(measure: Measure, one: Tally) -> float:
    """Return what alike issues count together: their weights, times the number field where there is one."""
    if measure.number_field is None:
        return one.weight
    return one.weighted_number + measure.unestimated * one.weight_without_number


def _sums(measure: Measure, counting: Sequence[Tally]) -> tuple[float, float]:
    """Return what is reached, and what is missing."""
    sizes = [(size(measure, one), credit(measure, one.state)) for one in counting]
    return fsum(one * share for one, share in sizes), fsum(one * (1 - share) for one, share in sizes)


def _size_words(measure: Measure, reached: float, total: float, *, plain: tuple[float, float]) -> str:
    of = number(reached, apart_from=[total])
    if measure.number_field is None:
        return "" if (reached, total) == plain else f", {of} of {number(total)} by weight"
    return f", {of} of {number_words(total, measure.number_field)}"


def _notes(measure: Measure, linked: Sequence[Tally], counting: Sequence[Tally]) -> str:
    dropped = sum(one.issues for one in linked if one.state is State.DROPPED)
    early = sum(one.issues for one in linked if why_not(measure, one.state, one.closed) == "closed before the cycle")
    started = sum(one.issues for one in counting if one.state is State.DOING and measure.doing)
    without = sum(one.without_number for one in counting) if measure.number_field and not measure.unestimated else 0
    return (
        note(started, f"in progress counted as {number(measure.doing)} done each")
        + note(without, f"without {measure.number_field} left out")
        + note(early, "closed before the cycle left out")
        + dropped_words(dropped, measure.dropped)
    )


def done_share_line(inputs: Inputs, one: Contribution) -> Line:
    """Return what one issue adds to the sum of what is done."""
    measure = inputs.measure
    (alone,) = tally([one], inputs.span)
    reason = why_not(measure, one.state, alone.closed)
    if reason:
        return left_out(reason)
    share, whole = credit(measure, one.state), size(measure, alone)
    return Line(share * whole, f"{one.state}: {number(share)} {TIMES} {_size_words_of(measure, one)}", whole)


def _size_words_of(measure: Measure, one: Contribution) -> str:
    if measure.number_field is None:
        return f"weight {number(one.weight)}"
    value = measure.unestimated if one.number is None else one.number
    unknown = ", as it has none" if one.number is None else ""
    return f"weight {number(one.weight)} {TIMES} {number_words(value, measure.number_field)}{unknown}"
