"""What closing an issue is worth, in words."""

from sync_service.domain.text import amount, counted, number, percent

CHANCE_STEP = 10
"""Percentage points to which a note rounds chances: smaller changes are not worth an edit."""


def move_text(before: float | None, after: float | None, *, unit: str, target: float | None) -> str:
    """Return a change of a value: `7 → 8 issues`."""
    return f"{amount(before, unit, target)} → {amount(after, unit, target)}"


def chance_text(before: float | None, after: float | None) -> str:
    """Return a change of the chance to reach the target, after a comma; empty where nothing is forecast."""
    if before is None or after is None:
        return ""
    return f", the chance to reach the target {percent(before)} → {percent(after)}"


def note_text(progress: tuple[float | None, float | None], chance: tuple[float | None, float | None]) -> str:
    """Return what closing an issue is worth as its note says it: rounded changes; empty where they are nothing.

    It differs only with whole percentage points of the way, and with tens of percents of the chance.
    """
    (before, after), (chance_before, chance_after) = progress, chance
    if before is None or after is None:
        return ""
    points = round(100 * (after - before))
    moved = [f"closing it is worth {counted(points, 'percentage point')} of the way"] if points else []
    if chance_before is not None and chance_after is not None:
        tens = [round(100 * one / CHANCE_STEP) * CHANCE_STEP for one in (chance_before, chance_after)]
        become = f"the chance to reach the target becomes about {number(tens[1])} in 100, from {number(tens[0])}"
        moved += [become] if tens[0] != tens[1] else []
    return ", ".join(moved)
