"""Parse and validate the check-in form, and check who may send it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.measures.status import Status
from sync_service.domain.text import amount, number
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.request.guards import RANK, Caller, Guard

LARGEST = 1e12
LONGEST_NOTE = 500

UNLIKELY = 10
"""A value this many times the way from start to target is asked about."""


class InvalidCheckIn(ValueError):
    """The form can't be used. The message is shown to the person who filled it in."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A value in the key result's unit, a note about it, and whether the person confirmed this value."""

    value: float
    note: str
    confirmed: bool = False


def may_check_in(view: KeyResultView, caller: Caller) -> bool:
    """Return whether the caller may check in: the owner or an admin, while a `manual` key result is open."""
    if view.measure.get("kind") != "manual" or view.status is Status.CLOSED:
        return False
    owns = view.owner is not None and view.owner == caller.email and RANK[caller.role] >= RANK[Guard.MEMBER]
    return owns or caller.role is Guard.ADMIN


def read_check_in(form: Mapping[str, str]) -> CheckIn:
    """Return the parsed form. A decimal comma is accepted. Raise `InvalidCheckIn` when it is not valid."""
    typed, note = form.get("value", "").strip(), " ".join(form.get("note", "").split())
    if not typed:
        raise InvalidCheckIn("Enter the value as a number.")
    try:
        value = float("".join(typed.split()).replace(",", "."))
    except ValueError:
        raise InvalidCheckIn(f"“{typed[:40]}” is not a number. Write it like 1250 or 37.5.") from None
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise InvalidCheckIn("That number is too large.")
    if len(note) > LONGEST_NOTE:
        raise InvalidCheckIn(f"The note is longer than {LONGEST_NOTE} characters.")
    return CheckIn(value, note, confirmed=form.get("sure", "").strip() == typed)


def question_about(entered: CheckIn, view: KeyResultView) -> str | None:
    """Return what to ask before an unlikely value is taken: ten times past the target, or as far away from it."""
    if view.start is None or view.target is None:
        return None
    times = (entered.value - view.start) / (view.target - view.start)
    if entered.confirmed or abs(times) < UNLIKELY:
        return None
    value, start, target = (amount(one, view.unit, view.target) for one in (entered.value, view.start, view.target))
    where = "past the target" if times > 0 else "away from the target"
    return f"Is {value} right? It is far {where}: {number(abs(times))} times the way from {start} to {target}."
