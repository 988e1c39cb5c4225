"""Rules of a file toward key results whose numbers are final: refused, since nothing that they match could count."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.cross_checks import name_of
from sync_service.config_file.read.errors import FileError
from sync_service.config_file.read.parse import Document
from sync_service.config_file.read.state import ORGANISATION, State
from sync_service.domain.measures.status import GRACE_DAYS, Span

_DECIDING = ("connection", "key_result", "when", "query", "state")


def rules_toward_closed(
    document: Document, changes: Sequence[Change], stored: State, after: State, *, now: datetime, zone: ZoneInfo
) -> Iterable[FileError]:
    """Yield an error for each rule that is new or changed and counts toward a closed cycle.

    What was written before the cycle closed may stay in the files, and may be disabled. So may a past cycle that these
    files bring along with its rules, as an export does that is applied to another database.
    """
    parts = {str(name_of(part)): part for part in document.items["rules"]}
    for change in changes:
        if change.section != "rules" or change.after is None or change.after["state"] == "disabled":
            continue
        if change.before is not None and not any(change.differs(name) for name in _DECIDING):
            continue
        cycle = _closed(str(change.after["key_result"]), after, now=now, zone=zone)
        part = parts.get(str(change.key))
        if cycle in stored["cycles"] and part is not None:
            found = f"{change.after['key_result']}, whose cycle {cycle} is closed"
            yield part.error_at(("key_result",), found, "a key result whose numbers are not final, or state: disabled")


def _closed(slug: str, after: State, *, now: datetime, zone: ZoneInfo) -> str | None:
    """Return the cycle of a key result, if its numbers are final."""
    key_result = after["key_results"].get(slug)
    objective = after["objectives"].get(key_result["objective"]) if key_result else None
    cycle = after["cycles"].get(objective["cycle"]) if objective else None
    if objective is None or cycle is None:
        return None
    organisation = after["organisation"].get(ORGANISATION) or {}
    zone = ZoneInfo(organisation["timezone"]) if organisation.get("timezone") else zone
    span = Span.of_days(cycle["starts"], cycle["ends"], zone)
    return str(objective["cycle"]) if span.frozen(now, organisation.get("grace_days", GRACE_DAYS)) else None
