"""Status in words: the threshold that decided it, as a clause."""

from sync_service.domain.measures.status import Status, Thresholds
from sync_service.domain.text import number, percent


def threshold_clause(status: Status, thresholds: Thresholds, expected: float | None) -> str:
    """Return ` (more than 10 points below the expected 62 %)`; empty where no threshold decided the status."""
    return "" if expected is None else _clause(status, thresholds, f"points below the expected {percent(expected)}")


def lasting_threshold_clause(status: Status, thresholds: Thresholds) -> str:
    """Return the clause for a text that stays for days, without the expected progress of today."""
    return _clause(status, thresholds, "points below the expected progress")


def _clause(status: Status, thresholds: Thresholds, below: str) -> str:
    match status:
        case Status.BEHIND:
            return f" (more than {number(thresholds.behind)} {below})"
        case Status.AT_RISK:
            return f" (more than {number(thresholds.at_risk)} {below})"
        case Status.ON_TRACK:
            return f" (at most {number(thresholds.at_risk)} {below})"
    return ""
