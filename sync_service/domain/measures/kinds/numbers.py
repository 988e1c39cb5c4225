"""`field`: the sum, average, smallest, largest or latest value of a number field."""

from collections.abc import Sequence
from datetime import datetime
from math import fsum

from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.words import Line, Result, dropped_words, left_out, note
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State


def field_value(inputs: Inputs) -> Result:
    """Return what `take` says of the numbers of the issues that count and have one."""
    return _of_tallies(inputs) if inputs.measure.tallied else _of_contributions(inputs)


def _of_tallies(inputs: Inputs) -> Result:
    linked = inputs.summed()
    counting = [one for one in linked if one.state is not State.DROPPED]
    issues = sum(one.issues for one in counting)
    without = sum(one.without_number for one in counting)
    have = issues - without
    words = _words(inputs, have, issues, without, dropped=sum(one.issues for one in linked) - issues)
    if not have:
        return None, words
    total = fsum(one.number for one in counting)
    return (total if inputs.measure.take == "sum" else total / have), words


def _of_contributions(inputs: Inputs) -> Result:
    linked = list(inputs.contributions)
    counting = [one for one in linked if one.state is not State.DROPPED]
    have = [one for one in counting if one.number is not None]
    undated = [one for one in have if one.number_at is None] if inputs.measure.take == "latest" else []
    usable = [one for one in have if one not in undated]
    without = len(counting) - len(have)
    words = _words(inputs, len(usable), len(counting), without, dropped=len(linked) - len(counting))
    words += note(len(undated), f"whose {inputs.measure.field} changed at an unknown time left out")
    return (take_one(inputs.measure.take, usable) if usable else None), words


def take_one(take: str, usable: Sequence[Contribution]) -> float:
    """Return the smallest, the largest or the latest number; of numbers changed at the same time the largest."""
    numbers = [one.number for one in usable if one.number is not None]
    if take == "latest":
        return max((_known(one.number_at), one.number or 0.0) for one in usable)[1]
    return min(numbers) if take == "min" else max(numbers)


def _known(at: datetime | None) -> datetime:
    assert at is not None
    return at


_TAKES = {"sum": "sum", "average": "average", "min": "smallest", "max": "largest", "latest": "latest"}


def _words(inputs: Inputs, have: int, issues: int, without: int, *, dropped: int) -> str:
    name = inputs.measure.field
    words = f"the {_TAKES[inputs.measure.take]} {name} of {counted(have, 'issue')}"
    if not have:
        words = f"no linked issue has {name}" if issues else "no linked issue counts"
        words = words if issues or dropped else "no issue is linked"
    return words + note(without, f"without {name} left out") + dropped_words(dropped)


def field_line(inputs: Inputs, one: Contribution) -> Line:
    """Return the number that one issue contributes."""
    if one.state is State.DROPPED:
        return left_out("dropped")
    if one.number is None:
        return left_out(f"without {inputs.measure.field}")
    if inputs.measure.take != "latest":
        return Line(one.number, f"{inputs.measure.field} {number(one.number)}")
    if one.number_at is None:
        return left_out(f"{inputs.measure.field} changed at an unknown time")
    day = inputs.calendar.day_of(one.number_at)
    return Line(one.number, f"{inputs.measure.field} {number(one.number)} since {day}")
