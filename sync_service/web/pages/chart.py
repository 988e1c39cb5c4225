"""The data of a key result's chart: figures for the script that draws it, and a text for screen readers.

The value begins with the first change that was seen; the days of the cycle before it are reconstructed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from itertools import dropwhile
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.measures.line import DayValue
from sync_service.domain.text import amount, counted
from sync_service.store.views.key_results import KeyResultView
from sync_service.store.views.objectives import Point


@dataclass(frozen=True, slots=True)
class Chart:
    """`figures` for static/chart.js and `words`, the text version.

    Times are in seconds since 1970, shown in `zone`. A point is a time, a value, and the value as text.
    """

    figures: dict[str, Any]
    words: str


def build_chart(
    view: KeyResultView, points: Sequence[Point], line: Sequence[DayValue], now: datetime, zone: ZoneInfo
) -> Chart:
    """Return the chart of a value over its cycle, for a reader in a time zone; `line` are the days of the cycle."""
    value, span = partial(amount, unit=view.unit, target=view.target), view.span
    reconstructed = _before(view, line, min(point.at for point in points))
    until = min(max(now, points[-1].at), max(span.ends_at, points[-1].at))
    figures = {
        **frame(view, until, zone),
        "points": [_figure(point, value(point.value)) for point in points],
        "reconstructed": [_figure(point, value(point.value)) for point in reconstructed],
    }
    wanted = f"to {view.goal}" if view.stay else f"from {value(view.start)} at the start to a target of {view.goal}"
    words = (
        f"Chart: the value over the cycle, {counted(len(points), 'change')}, now {value(view.current)}, {wanted}. "
        f"{_reconstructed_words(reconstructed, zone)}The list “What moved it” has every change."
    )
    return Chart(figures, words)


def _figure(point: Point, text: str) -> list[Any]:
    return [seconds(point.at), point.value, text]


def _before(view: KeyResultView, line: Sequence[DayValue], first: datetime) -> list[Point]:
    """Return the value at the end of each day before the first change that was seen, and at that time the last one."""
    zone = view.span.zone
    ends = [(datetime.combine(one.day + timedelta(days=1), time.min, tzinfo=zone), one.value) for one in line]
    points = list(dropwhile(lambda point: point.value is None, (Point(at, value) for at, value in ends if at < first)))
    return [*points, Point(first, points[-1].value)] if points else []


def _reconstructed_words(reconstructed: Sequence[Point], zone: ZoneInfo) -> str:
    if not reconstructed:
        return ""
    seen = reconstructed[-1].at.astimezone(zone)
    return f"Before {seen.day} {seen:%b %Y} it is reconstructed from the times of its issues. "


def frame(view: KeyResultView, until: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return the figures of a chart that are not about its lines: its cycle, the time until which it goes, the goal."""
    return {
        "starts": seconds(view.span.starts_at),
        "ends": seconds(view.span.ends_at),
        "until": seconds(until),
        "start": view.start,
        "target": view.target if view.stay is None else _bound(view.stay),
        "unit": view.unit,
        "zone": zone.key,
        "target_text": view.goal,
    }


def _bound(stay: Mapping[str, Any]) -> float:
    """Return the bound that the chart draws as a line: of two, the upper one."""
    value: float = stay["within"][1] if "within" in stay else next(iter(stay.values()))
    return value


def seconds(at: datetime) -> float:
    """Return a time as the script takes it."""
    return round(at.timestamp(), 3)
