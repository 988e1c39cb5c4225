"""`done-count`, `done-sum`, `open-count` and `open-sum`: how many issues, or how much of a number field."""

from collections.abc import Sequence
from math import fsum

from sync_service.domain.measures.contributions import ClosedWhen, Contribution, Tally, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.words import Line, Result, dropped_words, left_out, note, number_words
from sync_service.domain.measures.settings import Measure
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State

OPEN = (State.TODO, State.DOING)


def done(inputs: Inputs) -> Result:
    """Return the start plus the number, or the sum of the field, of done issues."""
    measure, linked, start = inputs.measure, inputs.summed(), inputs.start or 0.0
    if not linked:
        return None, "no issue is linked"
    counting = [one for one in linked if done_why_not(measure, one.state, one.closed) is None]
    begin = "" if inputs.start is None else f"{number(start)} at the start and "
    when = "" if measure.within == "ever" else " within the cycle"
    words = f"{begin}{_amount_words(measure, counting)} done{when}"
    return start + amount(measure, counting), f"{words}{_notes(measure, linked, counting)}"


def done_why_not(measure: Measure, state: State, closed: ClosedWhen | None) -> str | None:
    """Return why an issue adds nothing to what is done; None when it does."""
    if state is not State.DONE:
        return "dropped" if state is State.DROPPED else "not done"
    if measure.within == "ever" or closed is ClosedWhen.DURING:
        return None
    return "closed at an unknown time" if closed is None else f"closed {closed} the cycle"


def still_open(inputs: Inputs) -> Result:
    """Return the number, or the sum of the field, of issues that are not done."""
    measure, linked = inputs.measure, inputs.summed()
    if not linked and not inputs.ever_linked:
        return None, "no issue is linked"
    counting = [one for one in linked if one.state in OPEN]
    issues = sum(one.issues for one in linked if one.state is not State.DROPPED)
    still = f"{number(sum(one.issues for one in counting))} of {counted(issues, 'linked issue')} still open"
    words = still if measure.number_field is None else f"{_sum_words(measure, counting)} of {still}"
    return amount(measure, counting), f"{words}{_notes(measure, linked, counting)}"


def amount(measure: Measure, counting: Sequence[Tally]) -> float:
    """Return the number of issues, or the sum of the field: weights of links do not matter."""
    if measure.number_field is None:
        return float(sum(one.issues for one in counting))
    return fsum(one.number + measure.unestimated * one.without_number for one in counting)


def _amount_words(measure: Measure, counting: Sequence[Tally]) -> str:
    issues = counted(sum(one.issues for one in counting), "issue")
    return issues if measure.number_field is None else f"{_sum_words(measure, counting)} of {issues}"


def _sum_words(measure: Measure, counting: Sequence[Tally]) -> str:
    return number_words(amount(measure, counting), measure.number_field or "")


def _notes(measure: Measure, linked: Sequence[Tally], counting: Sequence[Tally]) -> str:
    undated = sum(one.issues for one in linked if one.state is State.DONE and one.closed is None)
    without = sum(one.without_number for one in counting) if measure.number_field else 0
    counts_as = f"counted as {number(measure.unestimated)} each" if measure.unestimated else "left out"
    return (
        note(undated if measure.within == "cycle" else 0, "done at an unknown time left out")
        + note(without, f"without {measure.number_field} {counts_as}")
        + dropped_words(sum(one.issues for one in linked if one.state is State.DROPPED))
    )


def done_line(inputs: Inputs, one: Contribution) -> Line:
    """Return what one issue adds to what is done."""
    (alone,) = tally([one], inputs.span)
    reason = done_why_not(inputs.measure, one.state, alone.closed)
    return _line(inputs.measure, alone, "done") if reason is None else left_out(reason)


def open_line(inputs: Inputs, one: Contribution) -> Line:
    """Return what one issue adds to what is still open."""
    (alone,) = tally([one], inputs.span)
    return _line(inputs.measure, alone, one.state) if one.state in OPEN else left_out(one.state)


def _line(measure: Measure, alone: Tally, state: str) -> Line:
    if measure.number_field is None:
        return Line(1.0, state)
    if not alone.without_number:
        return Line(alone.number, f"{state}: {number_words(alone.number, measure.number_field)}")
    adds = measure.unestimated or None
    counts_as = "left out" if adds is None else f"counted as {number(measure.unestimated)}"
    return Line(adds, f"{state}, without {measure.number_field}: {counts_as}")
