"""Check-ins in the output of `explain`, as text and JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from sync_service.domain.people.check_in import confidence_words
from sync_service.domain.text import amount, instant
from sync_service.store.views.check_ins import CheckInView
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.api.entries.models import CheckIn

SHOWN = 10
"""How many check-ins `explain` shows."""


def check_in_lines(view: KeyResultView, found: Sequence[CheckInView]) -> Iterator[str]:
    """Yield the latest confidence, when the next check-in is due, and the newest check-ins."""
    yield ""
    yield "Check-ins" if found else "Nobody has checked in yet"
    if view.confidence is not None:
        yield f"  confidence {confidence_words(view.confidence)}"
    if view.cadence:
        yield f"  {view.cadence}"
    yield from (f"  {instant(one.at)}  {_fields(view, one)}  (check-in {one.id})" for one in found)


def check_in_json(found: Sequence[CheckInView]) -> dict[str, Any]:
    """Return the newest check-ins as JSON, in the API's form."""
    return {"check_ins": [CheckIn.json_of(one) for one in found]}


def _fields(view: KeyResultView, one: CheckInView) -> str:
    fields = (
        "" if one.value is None else amount(one.value, view.unit, view.target),
        "" if one.confidence is None else f"confidence {one.confidence}",
        one.note,
        f"blockers: {one.blockers}" if one.blockers else "",
        f"by {one.by}",
        ("corrected" if one.corrected_by else "withdrawn") if one.withdrawn_at else "",
    )
    return ", ".join(filter(None, fields))
