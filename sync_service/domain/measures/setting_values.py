"""The values of a measure's settings: how each is parsed, and the error that names the nearest allowed one."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.measures.kinds.meets import Meets, compile_meets
from sync_service.domain.rules.conditions import RuleError, shown
from sync_service.domain.text import did_you_mean, folded

REQUIRED = None
"""The value of a setting that is required and not given."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "dropped": ("leave", "done", "open"),
    "within": ("cycle", "ever"),
    "days": ("calendar", "working", "elapsed"),
}
"""The values of settings that are one of a few words."""

TAKES = ("sum", "average", "min", "max", "latest")
"""What `field` takes of the numbers."""

MOST_DAYS, MOST_WEEKS = 3660, 520
"""The longest windows."""

MOST_STEPS = 100

LONGEST_NAME = 200
"""Characters of the name of a step or number field."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: a person ticks it, or its issue (CONNECTION:KEY) is done."""

    name: str
    weight: float = 1.0
    issue: str | None = None


class MeasureError(ValueError):
    """A measure, or a range, that cannot be used. `field` names the setting; `path` leads to the error inside it."""

    def __init__(self, field: str, found: object, allowed: str, *, inside: tuple[str | int, ...] = ()) -> None:
        self.field, self.found, self.allowed = field, found, allowed
        self.path = (field, *inside)
        super().__init__(f"measure.{'.'.join(map(str, self.path))}: found {shown(found)}, allowed is {allowed}")


def one_of(words: Sequence[str]) -> str:
    """Return the words that are allowed, as in a sentence: `count, points or Revenue`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def parse_setting(name: str, found: Any, kind: str) -> Any:
    """Parse one setting of a kind. Raise `MeasureError` when it is invalid."""
    return _parse_choice(name, found) if name in CHOICES else _PARSERS[name](found, kind)


def _parse_choice(name: str, found: object) -> str:
    words = CHOICES[name]
    if not isinstance(found, str) or found not in words:
        raise MeasureError(name, found, one_of(words) + did_you_mean(found, words))
    return found


def _parse_unestimated(found: object, kind: str) -> float:  # noqa: ARG001 - one signature for all settings
    return _parse_number("unestimated", found, "a number, 0 or more", most=1e9)


def _parse_doing(found: object, kind: str) -> float:  # noqa: ARG001 - one signature for all settings
    return _parse_number("doing", found, "a number from 0 to 1", most=1)


def _parse_number(name: str, found: object, allowed: str, *, most: float) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:  # noqa: PLR0124 - NaN
        raise MeasureError(name, found, allowed)
    if not 0 <= found <= most:
        raise MeasureError(name, found, f"{allowed}; did you mean {0 if found < 0 else f'{most:.0f}'}?")
    return float(found)


def _parse_weight(found: object, kind: str) -> str:  # noqa: ARG001 - one signature for all settings
    return _parse_name("weight", found, "count, points or the name of a number field")


def _parse_field(found: object, kind: str) -> str:  # noqa: ARG001 - one signature for all settings
    return _parse_name("field", found, "points or the name of a number field")


def _parse_name(name: str, found: object, allowed: str, *, inside: tuple[str | int, ...] = ()) -> str:
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_NAME or _has_controls(found):
        raise MeasureError(name, found, allowed, inside=inside)
    return found.strip()


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _digits(pattern: str, found: object) -> re.Match[str] | None:
    """Match a text, or a number without its unit; numbers of thousands of digits can't be written."""
    text = str(found) if isinstance(found, int) and 0 <= found < 1e9 else found
    return re.fullmatch(pattern, text, re.ASCII) if isinstance(text, str) else None


def _parse_take(found: object, kind: str) -> str:
    if kind == "field":
        if not isinstance(found, str) or found not in TAKES:
            raise MeasureError("take", found, one_of(TAKES) + did_you_mean(found, TAKES))
        return found
    percentile = _digits(r"[pP]?([0-9]{1,9})", found)
    if found == "median" or (percentile and found == f"p{int(percentile[1])}" and 1 <= int(percentile[1]) <= 99):
        return str(found)
    near = f"; did you mean p{min(max(int(percentile[1]), 1), 99)}?" if percentile else did_you_mean(found, ("median",))
    raise MeasureError("take", found, f"median, or a percentile from p1 to p99{near}")


def _parse_window(found: object, kind: str) -> str:
    unit, most, each = ("w", MOST_WEEKS, 7) if kind == "throughput" else ("d", MOST_DAYS, 1)
    length = _digits(r"([0-9]{1,9})([dw]?)", found)
    if found == "cycle" and unit == "d":
        return "cycle"
    if length and found == f"{int(length[1])}{unit}" and 1 <= int(length[1]) <= most:
        return str(found)
    allowed = f"weeks, from 1w to {most}w" if unit == "w" else f"days, from 1d to {most}d, or cycle"
    if not length:
        raise MeasureError("window", found, allowed + did_you_mean(found, ("cycle",) if unit == "d" else ()))
    days = int(length[1]) * {"d": 1, "w": 7, "": each}[length[2]]
    raise MeasureError("window", found, f"{allowed}; did you mean {min(max(round(days / each), 1), most)}{unit}?")


def _parse_meets(found: object, kind: str) -> Meets:  # noqa: ARG001 - one signature for all settings
    try:
        return compile_meets(found)
    except RuleError as error:
        raise MeasureError("meets", error.found, error.allowed, inside=error.path) from error


def _parse_steps(found: object, kind: str) -> tuple[Step, ...]:  # noqa: ARG001 - one signature for all settings
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_STEPS:
        raise MeasureError("steps", found, f"a list of steps like {{name: Contract signed}}, {MOST_STEPS} at most")
    steps = tuple(_parse_step(written, index) for index, written in enumerate(found))
    names = [folded(step.name) for step in steps]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise MeasureError("steps", steps[index].name, "each name once", inside=(index, "name"))
    return steps


def _parse_step(written: object, index: int) -> Step:
    if not isinstance(written, Mapping):
        raise MeasureError("steps", written, "a mapping like {name: Contract signed, weight: 2}", inside=(index,))
    for setting in written:
        if setting not in _STEP_SETTINGS:
            allowed = ", ".join(_STEP_SETTINGS) + did_you_mean(setting, _STEP_SETTINGS)
            raise MeasureError("steps", setting, allowed, inside=(index, str(setting)))
    name = _parse_name("steps", written.get("name"), "a text that is not empty", inside=(index, "name"))
    weight, issue = written.get("weight", 1), written.get("issue")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1e6:
        raise MeasureError("steps", weight, "a number greater than 0; did you mean 1?", inside=(index, "weight"))
    if issue is not None and not _is_reference(issue):
        raise MeasureError("steps", issue, "an issue as CONNECTION:KEY", inside=(index, "issue"))
    return Step(name, float(weight), issue)


def _is_reference(issue: object) -> bool:
    return isinstance(issue, str) and not _has_controls(issue) and all(issue.partition(":")) and len(issue) <= 400


_STEP_SETTINGS = ("name", "weight", "issue")

_PARSERS: Mapping[str, Callable[[Any, str], Any]] = {
    "weight": _parse_weight,
    "unestimated": _parse_unestimated,
    "doing": _parse_doing,
    "field": _parse_field,
    "take": _parse_take,
    "window": _parse_window,
    "meets": _parse_meets,
    "steps": _parse_steps,
}
