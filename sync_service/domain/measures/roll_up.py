"""Roll-up: the progress of an objective from the progress of its key results."""

from collections.abc import Iterable

from sync_service.domain.measures.progress import ALMOST, round_value


def roll_up(key_results: Iterable[tuple[float, float | None]]) -> tuple[float | None, int]:
    """Return the progress of an objective from the (weight, progress) of its key results.

    It is the weighted mean of progress clamped to 0…1, and 1 only when all of them are complete. Key results without
    data are left out; the second number counts them.
    """
    rows = list(key_results)
    known = [(weight, min(max(value, 0.0), 1.0)) for weight, value in rows if value is not None]
    total = sum(weight for weight, _ in known)
    if total <= 0:
        return None, len(rows) - len(known)
    mean = round_value(sum(weight * value for weight, value in known) / total)
    complete = all(value >= 1 for weight, value in known if weight > 0)
    return (1.0 if complete else min(mean, ALMOST)), len(rows) - len(known)
