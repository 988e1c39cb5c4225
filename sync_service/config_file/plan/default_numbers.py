"""Start, target and unit of a key result; where the file leaves them out, they follow from the measure."""

from sync_service.config_file.read import models

SHARES = ("done-share", "share-meeting", "steps")
"""The measures in percent."""


def default_numbers(form: models.KeyResult) -> tuple[float | None, float | None, str]:
    """Return start, target and unit; missing ones follow from the measure."""
    start, target, unit = form.start, form.target, form.unit
    kind = form.measure.get("kind")
    given = start is not None or target is not None
    if kind in (*SHARES, "manual"):
        percent = kind != "manual" or not given
        unit = ("%" if percent else "") if unit is None else unit
        return (0.0 if start is None else start), (100.0 if target is None else target), unit
    if kind in ("done-count", "done-sum") and start is None:
        start = 0.0
    if kind in ("lead-time", "cycle-time") and unit is None:
        unit = "days"
    return start, target, unit or ""
