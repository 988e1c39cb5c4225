"""From values of a file to the texts of a form's fields, and back."""

from collections.abc import Mapping
from typing import Any

from sync_service.domain.people.check_in import CheckInRefused, read_number
from sync_service.domain.text import in_full
from sync_service.web.forms.draft import FormError, Texts


def read_numbers(texts: Texts, names: tuple[str, ...]) -> dict[str, float | None]:
    """Return the numbers in these fields; None for an empty one. Raise `FormError` with each that is no number."""
    found: dict[str, float | None] = {}
    wrong: dict[str, str] = {}
    for name in names:
        try:
            found[name] = read_number(texts[name])
        except CheckInRefused as refused:
            wrong[name] = str(refused)
    if wrong:
        raise FormError(wrong)
    return found


def number_text(value: float | None) -> str:
    """Return a number in full, which `read_numbers` reads as the same number; empty for None."""
    return "" if value is None else in_full(float(value))


def without_none(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item without its empty fields, as a file leaves them out."""
    return {name: value for name, value in item.items() if value is not None}
