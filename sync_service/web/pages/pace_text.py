"""Explain in words why a key result has its status: progress against the progress expected by now."""

from datetime import datetime

from sync_service.domain.measures.status import DAYS_AT_RISK, Span, Status, Thresholds
from sync_service.domain.text import counted, number, percent
from sync_service.store.views.key_results import KeyResultView


def day_of_cycle(span: Span, now: datetime) -> tuple[int, int]:
    """Return the day of the cycle and its number of days; clamped before and after the cycle."""
    return span.day_of(now), span.days


def status_reason(view: KeyResultView, now: datetime) -> str:
    """Return why the key result has its status, as a text."""
    if view.status is Status.CLOSED:
        return "The cycle is over. Its numbers are final." + (f" Outcome: {view.outcome}." if view.outcome else "")
    if view.status is Status.NOT_STARTED:
        return "The cycle has not started yet."
    if view.status is Status.PARTIAL:
        return (
            "Some watched issues are not imported yet, so there is no status. "
            "It appears when the first import of every scope is complete."
        )
    if view.progress is None:
        return "There is no data yet."
    if view.status is Status.COMPLETED:
        return "The target is reached."
    if view.stay:
        return "The value is in its range." if view.progress >= 1 else _OUTSIDE
    if view.progress >= 1:
        return "The target is reached, but nothing is done: issues were dropped."
    return _gap(view.progress, view.span, view.thresholds, now)


_OUTSIDE = f"The value is out of its range: “at risk” for {DAYS_AT_RISK} days, then “behind”."


def _gap(progress: float, span: Span, thresholds: Thresholds, now: datetime) -> str:
    elapsed = span.elapsed(now)
    day, days = day_of_cycle(span, now)
    points = round(100 * (elapsed - progress))
    gap = f"{counted(points, 'percentage point')} behind" if points > 0 else "not behind"
    at_risk, behind = number(thresholds.at_risk), number(thresholds.behind)
    return (
        f"{percent(progress)} done on day {day} of {days}, {percent(elapsed)} expected: {gap}. "
        f"Behind by more than {at_risk} is “at risk”, by more than {behind} “behind”."
    )
