"""Start, target and unit of a key result; where the file leaves them out, they follow from the measure."""

from sync_service.config_file.read import models


def default_numbers(form: models.KeyResult) -> tuple[float | None, float | None, str]:
    """Return start, target and unit; missing ones follow from the measure."""
    start, target, unit = form.start, form.target, form.unit
    kind = form.measure.get("kind")
    given = start is not None or target is not None
    if kind in ("done-share", "manual"):
        percent = kind == "done-share" or not given
        unit = ("%" if percent else "") if unit is None else unit
        return (0.0 if start is None else start), (100.0 if target is None else target), unit
    if kind == "done-count" and start is None:
        start = 0.0
    return start, target, unit or ""
