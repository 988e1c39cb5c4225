"""Status in words: the threshold that decided it, as a clause."""

from sync_service.domain.measures.status import Status, Thresholds
from sync_service.domain.text import number, percent


def threshold_clause(status: Status, thresholds: Thresholds, expected: float | None) -> str:
    """Return ` (more than 10 points below the expected 62 %)`; empty where no threshold decided the status."""
    if expected is None:
        return ""
    below = f"points below the expected {percent(expected)}"
    match status:
        case Status.BEHIND:
            return f" (more than {number(thresholds.behind)} {below})"
        case Status.AT_RISK:
            return f" (more than {number(thresholds.at_risk)} {below})"
        case Status.ON_TRACK:
            return f" (at most {number(thresholds.at_risk)} {below})"
    return ""
