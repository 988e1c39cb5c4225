"""`share-meeting`: which share of the issues meets a condition, in percent."""

from enum import StrEnum
from functools import cache
from math import fsum

from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.meets import DURATIONS, Limit, Meets, Truth
from sync_service.domain.measures.kinds.shares import percentage
from sync_service.domain.measures.kinds.words import Line, Result, dropped_words, left_out, note
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State


class Answer(StrEnum):
    """What the condition says of an issue."""

    MET = "met"
    NOT_MET = "not met"
    WAITS = "still open, no limit passed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


def share_meeting(inputs: Inputs) -> Result:
    """Return the weight of those that meet the condition as percent of the weight of those that take part."""
    answers = [(answer(inputs, one), one.weight) for one in inputs.contributions]
    counts = {which: sum(found is which for found, _ in answers) for which in Answer}
    met, unmet = (fsum(weight for found, weight in answers if found is which) for which in (Answer.MET, Answer.NOT_MET))
    share = percentage(met, unmet)
    part = counts[Answer.MET] + counts[Answer.NOT_MET]
    words = f"{number(counts[Answer.MET])} of {counted(part, 'issue')} met: {describe(condition_of(inputs).condition)}"
    if share is None:
        words = "no linked issue takes part" if answers else "no issue is linked"
    elif (met, met + unmet) != (counts[Answer.MET], part):
        words += f", {number(met, apart_from=[met + unmet])} of {number(met + unmet)} by weight"
    notes = (
        note(counts[Answer.WAITS], "still open within the limit")
        + note(counts[Answer.UNKNOWN], "unknown left out")
        + dropped_words(counts[Answer.DROPPED])
    )
    return share, words + notes


def condition_of(inputs: Inputs) -> Meets:
    """Return the condition."""
    assert inputs.measure.meets is not None
    return inputs.measure.meets


def answer(inputs: Inputs, one: Contribution) -> Answer:
    """Return what the condition says of an issue.

    With a duration in it, an issue takes part once it is done, or once one of its durations has passed a limit for good
    while it is still open and the condition can't hold any more. Without one, all issues that count take part.
    """
    meets = condition_of(inputs)
    if one.state is State.DROPPED:
        return Answer.DROPPED

    @cache
    def of_limit(limit: Limit) -> Truth:
        return limit_truth(inputs, one, limit)

    truth = meets.truth(of_limit, one.met)
    if one.state is State.DONE or not meets.has_duration:
        return Answer.UNKNOWN if truth is None else Answer.MET if truth else Answer.NOT_MET
    if truth is False and meets.is_past_limit(of_limit):
        return Answer.NOT_MET
    return Answer.UNKNOWN if _is_undated(meets, one) else Answer.WAITS


def _is_undated(meets: Meets, one: Contribution) -> bool:
    """Return whether the time since which an open issue is worked on, or waits, is unknown."""
    unknown_start = one.started_at is None and one.state is State.DOING
    return ("lead_time" in meets.fields and one.created_at is None) or ("cycle_time" in meets.fields and unknown_start)


def limit_truth(inputs: Inputs, one: Contribution, limit: Limit) -> Truth:
    """Return whether an issue keeps a limit; None when it is unknown, or may still change while the issue is open."""
    if limit.field not in DURATIONS:
        return None if one.reopened is None else limit.holds(one.reopened)
    duration = duration_so_far(inputs, one, limit.field)
    if duration is None:
        return None
    kept = limit.holds(duration)
    changes = kept is (limit.operator == "at_most")  # a duration only grows
    return None if one.state is not State.DONE and changes else kept


def duration_so_far(inputs: Inputs, one: Contribution, field: str) -> float | None:
    """Return the duration of a done issue, or that of an open one until now; None when it is unknown."""
    begin = one.created_at if field == "lead_time" else one.started_at
    end = one.closed_at if one.state is State.DONE else inputs.at
    return None if begin is None or end is None else inputs.calendar.duration(begin, end, inputs.measure.days)


def share_meeting_line(inputs: Inputs, one: Contribution) -> Line:
    """Return what one issue adds to the weight of those that meet the condition."""
    found = answer(inputs, one)
    numbers = ", ".join(_number_words(inputs, one, field) for field in sorted(condition_of(inputs).fields))
    words = f"{found}{f' ({numbers})' if numbers else ''}"
    if found not in (Answer.MET, Answer.NOT_MET):
        return left_out(words)
    return Line(one.weight if found is Answer.MET else 0.0, f"{words}: of weight {number(one.weight)}", one.weight)


def _number_words(inputs: Inputs, one: Contribution, field: str) -> str:
    value = one.reopened if field == "reopened" else duration_so_far(inputs, one, field)
    return f"{field} {'unknown' if value is None else number(value)}"
