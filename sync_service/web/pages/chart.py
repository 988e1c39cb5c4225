"""The data of a key result's chart: figures for the script that draws it, and a text for screen readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.measures.status import Span
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


def build_chart(view: KeyResultView, span: Span, points: Sequence[Point], now: datetime, zone: ZoneInfo) -> Chart:
    """Return the chart of a value over its cycle, for a reader in a time zone."""
    value = partial(amount, unit=view.unit, target=view.target)
    until = min(max(now, points[-1].at), max(span.ends_at, points[-1].at))
    figures = {
        "starts": _seconds(span.starts_at),
        "ends": _seconds(span.ends_at),
        "until": _seconds(until),
        "start": view.start,
        "target": view.target if view.stay is None else _bound(view.stay),
        "unit": view.unit,
        "zone": zone.key,
        "points": [[_seconds(point.at), point.value, value(point.value)] for point in points],
        "target_text": view.goal,
    }
    wanted = f"to {view.goal}" if view.stay else f"from {value(view.start)} at the start to a target of {view.goal}"
    words = (
        f"Chart: the value over the cycle, {counted(len(points), 'change')}, now {value(view.current)}, {wanted}. "
        "The list “What moved it” has every change."
    )
    return Chart(figures, words)


def _bound(stay: Mapping[str, Any]) -> float:
    """Return the bound that the chart draws as a line: of two, the upper one."""
    bound: float = stay["within"][1] if "within" in stay else next(iter(stay.values()))
    return bound


def _seconds(at: datetime) -> float:
    return round(at.timestamp(), 3)
