"""Pace in words: why a key result has the status it has, so that nobody has to know the rule."""

from datetime import datetime, timedelta

from sync_service.domain.pace import AT_RISK_GAP, BEHIND_GAP, Span, Status
from sync_service.store.views import KeyResultView
from sync_service.web.words import counted, number, percent

DAY = timedelta(days=1)


def expected(span: Span, now: datetime) -> float | None:
    """Give the progress expected by now, a fraction; None once the cycle's numbers stand for good."""
    return None if span.frozen(now) else span.elapsed(now)


def day_of_cycle(span: Span, now: datetime) -> tuple[int, int]:
    """Give which day of how many it is; within bounds before and after the cycle."""
    days = max(round((span.ends_at - span.starts_at) / DAY), 1)
    return min(max(int((now - span.starts_at) / DAY) + 1, 0), days), days


def in_words(view: KeyResultView, span: Span, now: datetime) -> str:
    """Say why the status is what it is."""
    if view.status is Status.CLOSED:
        return "The cycle is over and its numbers stand for good."
    if view.status is Status.PARTIAL:
        return (
            "Not all of the watched work has been seen yet, so there is no status. "
            "It comes once the first import of every scope is complete."
        )
    if view.progress is None:
        return "There is no data yet, so there is nothing to judge."
    if view.status is Status.COMPLETED:
        return "The target is reached."
    return _gap(view.progress, span, now)


def _gap(progress: float, span: Span, now: datetime) -> str:
    elapsed = span.elapsed(now)
    day, days = day_of_cycle(span, now)
    said = f"{percent(progress)} done on day {day} of {days}, where {percent(elapsed)} is expected: "
    points = round(100 * (elapsed - progress))
    said += f"{counted(points, 'percentage point')} behind the pace." if points > 0 else "the pace is kept."
    at_risk, behind = number(100 * AT_RISK_GAP), number(100 * BEHIND_GAP)
    return f"{said} More than {at_risk} of them is at risk, more than {behind} is behind."
