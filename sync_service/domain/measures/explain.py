"""The whole sum of a value, line by line, as a person would do it by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.kinds.counts import done_line, open_line
from sync_service.domain.measures.kinds.durations import duration_line, rank, throughput_line
from sync_service.domain.measures.kinds.numbers import field_line
from sync_service.domain.measures.kinds.share_meeting import share_meeting_line
from sync_service.domain.measures.kinds.shares import done_share_line
from sync_service.domain.measures.kinds.steps import step_lines
from sync_service.domain.measures.kinds.words import TIMES, Line
from sync_service.domain.text import NO_DATA, number


@dataclass(frozen=True, slots=True)
class SumLine:
    """A line of the sum: of an issue, of a step, or of a total. `adds` None: it is left out, or there is no number."""

    issue_id: int | None
    adds: float | None
    text: str


Total = tuple[float | None, str]
"""A total (None: it is no number), and its words."""

MOST_IN_ORDER = 30
"""Durations that are written in order on one line; of more, only the rank is said."""

LINES: Mapping[str, Callable[[Inputs, Contribution], Line]] = {
    "done-share": done_share_line,
    "done-count": done_line,
    "done-sum": done_line,
    "open-count": open_line,
    "open-sum": open_line,
    "field": field_line,
    "lead-time": duration_line,
    "cycle-time": duration_line,
    "throughput": throughput_line,
    "share-meeting": share_meeting_line,
}
"""The kinds of measure that read issues, each with the function that describes an issue's line."""


def sum_lines(inputs: Inputs, contributions: Mapping[int, Contribution]) -> list[SumLine]:
    """Return the sum line by line: each issue (by its id) or step, those left out with the reason, then the totals."""
    whole = replace(inputs, tallies=(), contributions=tuple(contributions.values()))
    line_of = LINES.get(inputs.measure.kind)
    found = [(issue_id, line_of(whole, one)) for issue_id, one in contributions.items()] if line_of else []
    lines: list[tuple[int | None, Line]] = [*found, *((None, line) for line in step_lines(whole))]
    totals = _totals(whole, [line for _, line in lines if line.adds is not None])
    of_issues = [SumLine(issue_id, line.adds, line.text) for issue_id, line in lines]
    return [*of_issues, *(SumLine(None, adds, words) for adds, words in totals), _value_line(whole, totals)]


def _value_line(inputs: Inputs, totals: Sequence[Total]) -> SumLine:
    """Return the last line: how the value follows from the totals."""
    value = compute(inputs)
    if value.current is None:
        return SumLine(None, None, f"{NO_DATA}: {value.explanation}")
    result = number(value.current, apart_from=inputs.goals)
    terms = _equation(inputs, [number(adds) for adds, _ in totals if adds is not None])
    return SumLine(None, value.current, f"{terms}{result}: {value.explanation}")


def _equation(inputs: Inputs, totals: Sequence[str]) -> str:
    match inputs.measure.kind, totals:
        case (("done-share" | "share-meeting" | "steps"), [reached, whole]):
            return f"100 {TIMES} {reached} / {whole} = "
        case (("done-count" | "done-sum"), [added, start]):
            return f"{start} + {added} = "
        case (("field" | "throughput"), [added, count]):
            return f"{added} / {count} = "
        case _:
            return ""


def _totals(inputs: Inputs, lines: Sequence[Line]) -> list[Total]:
    """Return what the lines of the issues or steps add up to."""
    measure, added = inputs.measure, [line.adds or 0.0 for line in lines]
    total = fsum(added)
    match measure.kind:
        case "done-share" | "share-meeting" | "steps":
            whole = fsum(line.of for line in lines)
            return [_total(total, "reached"), _total(whole, "in all")]
        case "done-count" | "done-sum" if inputs.start is not None:
            return [_total(total, "done"), _total(inputs.start, "at the start")]
        case "throughput":
            return [_total(total, "done"), _total((measure.window_days or 7) / 7, "weeks")]
        case "field" if measure.take == "average":
            return [_total(total, "in all"), _total(float(len(added)), "issues")]
        case "lead-time" | "cycle-time" if added:
            return [(None, _ranked(measure.percentile, added))]
        case _:
            return []


def _total(adds: float, words: str) -> Total:
    return adds, f"{number(adds)} {words}"


def _ranked(percent: int, durations: Sequence[float]) -> str:
    """Return which of the durations is the value, with all of them in order where they are few."""
    words = f"number {rank(len(durations), percent)} of {len(durations)} in order"
    few = ", ".join(number(one) for one in sorted(durations)) if len(durations) <= MOST_IN_ORDER else ""
    return f"{words}{f' ({few})' if few else ''} is the value"
