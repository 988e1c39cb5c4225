"""Roll-up: the progress of an objective from the progress of its key results."""

from collections.abc import Iterable

from sync_service.domain.measures.measures import round_value


def roll_up(key_results: Iterable[tuple[float, float | None]]) -> tuple[float | None, int]:
    """Return the progress of an objective from the (weight, progress) of its key results.

    It is the weighted mean of progress clamped to 0…1. Key results without data are left out; the second number counts
    them.
    """
    rows = list(key_results)
    known = [(weight, min(max(value, 0.0), 1.0)) for weight, value in rows if value is not None]
    total = sum(weight for weight, _ in known)
    mean = sum(weight * value for weight, value in known) / total if total > 0 else None
    return (None if mean is None else round_value(mean)), len(rows) - len(known)
