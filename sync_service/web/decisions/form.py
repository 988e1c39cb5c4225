"""Parse and validate the form of an override."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_service.domain.measures.applying.applied import Until


class InvalidForm(ValueError):
    """The form can't be used. The message is shown to the person who filled it in, beside the `field`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_value(form: Mapping[str, str]) -> float:
    """Return the value. A decimal comma is accepted. Raise `InvalidForm` when it is no number."""
    typed = form.get("value", "").strip()
    try:
        value = float("".join(typed.split()).replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        wrong = f"“{typed[:40]}” is not a number. Write it like 1250 or 37.5."
        raise InvalidForm("value", wrong if typed else "Enter a value.")
    return value


def read_until(form: Mapping[str, str], zone: ZoneInfo) -> Until:
    """Return when the override ends by itself; a day is over at its midnight. Raise `InvalidForm` without the day."""
    chosen = form.get("until", "")
    if chosen != "day":
        return "change" if chosen == "change" else None
    try:
        last = date.fromisoformat(form.get("day", ""))
        return datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    except (ValueError, OverflowError):
        raise InvalidForm("day", "Enter the last day of the override.") from None
