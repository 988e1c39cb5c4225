"""Words that explanations of several measures share: what was left out, and numbers with the name of their field."""

from dataclasses import dataclass

from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.text import counted, number

TIMES = "\u00d7"

Result = tuple[float | None, str]
"""A value before rounding (None: no data), and how it was computed, in words."""


@dataclass(frozen=True, slots=True)
class Line:
    """What an issue adds (None: it is left out), and why, in words. `of`: what it could add to a share at most."""

    adds: float | None
    text: str
    of: float = 0.0


def left_out(reason: str) -> Line:
    """Return the line of an issue that adds nothing."""
    return Line(None, f"{reason}: left out")


def note(count: int, words: str) -> str:
    """Return a count of issues with what holds for them, to end a sentence with; empty when there are none."""
    return f"; {number(count)} {words}" if count else ""


def dropped_words(count: int, dropped: str = "leave") -> str:
    """Return how many issues were dropped, and what that means."""
    return note(count, "dropped left out" if dropped == "leave" else f"dropped counted as {dropped}")


def number_words(value: float, field: str) -> str:
    """Return a sum of a number field: `8 points`, `8 of Story Size`."""
    return counted(value, "point") if field == "points" else f"{number(value)} by {field}"


def window_words(inputs: Inputs) -> str:
    """Return the window of a measure: `in the last 30 days`."""
    days = inputs.measure.window_days
    if days is None:
        return "in the cycle"
    if inputs.measure.window.endswith("w"):
        return _last(days // 7, "week")
    return _last(days, "day")


def _last(count: int, unit: str) -> str:
    return f"in the last {unit if count == 1 else counted(count, unit)}"
