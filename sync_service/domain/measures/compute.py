"""The value of a key result from its measure and inputs. Pure functions."""

from collections.abc import Callable, Mapping

from sync_service.domain.measures.inputs import Inputs, Value
from sync_service.domain.measures.kinds.counts import done, still_open
from sync_service.domain.measures.kinds.durations import duration_percentile, throughput
from sync_service.domain.measures.kinds.numbers import field_value
from sync_service.domain.measures.kinds.share_meeting import share_meeting
from sync_service.domain.measures.kinds.shares import done_share
from sync_service.domain.measures.kinds.steps import manual, steps
from sync_service.domain.measures.kinds.words import Result
from sync_service.domain.measures.progress import round_apart_from

__all__ = ["VALUES", "Inputs", "Value", "compute"]

VALUES: Mapping[str, Callable[[Inputs], Result]] = {
    "done-share": done_share,
    "done-count": done,
    "done-sum": done,
    "open-count": still_open,
    "open-sum": still_open,
    "field": field_value,
    "lead-time": duration_percentile,
    "cycle-time": duration_percentile,
    "throughput": throughput,
    "share-meeting": share_meeting,
    "steps": steps,
    "manual": manual,
}
"""The kinds of measure, each with the function that computes its value."""


def compute(inputs: Inputs) -> Value:
    """Compute the value, to six decimals; rounding never makes it the target, nor moves it over a bound of the range.

    A value that a person checked in stays as it is.
    """
    current, explanation = VALUES[inputs.measure.kind](inputs)
    if current is None or inputs.measure.kind == "manual":
        return Value(current, explanation)
    return Value(round_apart_from(current, inputs.goals), explanation)
