"""Terminal output of a key result's line, as text and JSON."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sync_service.domain.measures.line import DayValue, Source
from sync_service.domain.text import amount, counted
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.api.line.models import LineDay

RECONSTRUCTED = "reconstructed with the links, weights and numbers of today"
"""What is said of a line some of whose days were not seen."""


def line_json(view: KeyResultView, line: Sequence[DayValue]) -> dict[str, Any]:
    """Return a line as JSON, in the API's form."""
    return {"slug": view.slug, "items": [LineDay.json_of(one) for one in line]}


def line_lines(view: KeyResultView, line: Sequence[DayValue]) -> Iterator[str]:
    """Yield the lines of text: one for each day."""
    value = partial(amount, unit=view.unit, target=view.target)
    yield f"{view.slug}  {view.title}"
    if not line:
        yield "The cycle has not begun"
        return
    reconstructed = sum(one.source is Source.RECONSTRUCTED for one in line)
    if reconstructed:
        yield f"  the first {counted(reconstructed, 'day')} (~) {'is' if reconstructed == 1 else 'are'} {RECONSTRUCTED}"
    for one in line:
        sign = "~" if one.source is Source.RECONSTRUCTED else " "
        yield f"  {one.day} {sign} {value(one.value):>14}  {one.done} of {counted(one.scope, 'issue')} done"
