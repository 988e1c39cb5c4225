"""Parts of a change in words: `+12.5 by work done`."""

from collections.abc import Mapping

from sync_service.domain.measures.parts import Part, PartKind
from sync_service.domain.text import in_full

PART_TEXT: Mapping[PartKind, str] = {
    PartKind.RULE: "a changed rule or measure",
    PartKind.TARGET: "a moved start",
    PartKind.SCOPE_DROPPED: "dropped scope",
    PartKind.SCOPE_ADDED: "added scope",
    PartKind.WEIGHT: "changed weights and estimates",
    PartKind.REOPENED: "reopened work",
    PartKind.DONE: "work done",
    PartKind.CHECK_IN: "a check-in",
    PartKind.TIME: "time passed",
}


def change_text(part: Part) -> str:
    """Return a part in words, with its sign."""
    sign = "+" if part.change > 0 else ""
    return f"{sign}{in_full(round(part.change, 2) or part.change)} by {PART_TEXT[part.kind]}"
