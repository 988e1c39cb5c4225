"""Scores and outcomes of key results whose cycle is over."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a key result. Only a person says that it was dropped."""

    ACHIEVED = "achieved"
    MISSED = "missed"
    DROPPED = "dropped"


def score(progress: float | None) -> float | None:
    """Return progress clamped to 0…1, without rounding; None without data."""
    return None if progress is None else min(max(progress, 0.0), 1.0)
