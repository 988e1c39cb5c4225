"""The chart and the table of a replayed line: the line of a key result as it is and as it would have been."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.measures.line import DayValue
from sync_service.domain.text import amount, counted
from sync_service.progress.previews.replayed_line import ReplayedLine
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.pages.chart import frame, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """`figures` for static/chart.js, `words` for screen readers, and the table: day, value, value as it would be."""

    slug: str
    figures: dict[str, Any]
    words: str
    days: Sequence[tuple[date, str, str]]


def build_line_chart(view: KeyResultView, line: ReplayedLine, now: datetime, zone: ZoneInfo) -> LineChart | None:
    """Return the chart of a replayed line for a reader in a time zone; None where its cycle has not begun."""
    if not line.real:
        return None
    value, span = partial(amount, unit=view.unit, target=view.target), view.span
    until = min(now, span.ends_at)
    days = [
        (real.day, value(real.value), value(replayed.value))
        for real, replayed in zip(line.real, line.replayed, strict=True)
    ]
    differ = sum(real != replayed for _, real, replayed in days)
    figures = {
        **frame(view, until, zone),
        "points": _points(line.real, [text for _, text, _ in days], span.zone, until),
        "replayed": _points(line.replayed, [text for _, _, text in days], span.zone, until),
        "reconstructed": [],
    }
    words = (
        f"Chart of {line.slug}: the value as it is, now {days[-1][1]}, and as it would have been, now {days[-1][2]}. "
        f"They differ on {counted(differ, 'day')} of {len(days)}. The table below has every day."
    )
    return LineChart(slug=line.slug, figures=figures, words=words, days=days[::-1])


def _points(line: Sequence[DayValue], texts: Sequence[str], zone: tzinfo, until: datetime) -> list[list[Any]]:
    """Return the value at the end of each day; of the last one, at the time until which the chart goes."""
    ends = [datetime.combine(one.day + timedelta(days=1), time.min, tzinfo=zone) for one in line]
    times = [seconds(min(end, until)) for end in ends]
    return [[at, one.value, text] for at, one, text in zip(times, line, texts, strict=True)]
