"""Frozen numbers as JSON, in the column of a key result."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync_service.domain.cycles.frozen import Frozen, OutOfDate, Refrozen


def columns(one: Frozen | None) -> dict[str, Any] | None:
    """Convert to JSON."""
    if one is None:
        return None
    return {
        "at": one.at.isoformat(),
        "partial": one.partial,
        "stale": {"since": one.stale.since.isoformat(), "reason": one.stale.reason} if one.stale else None,
        "refrozen": {"at": one.refrozen.at.isoformat(), "by": one.refrozen.by} if one.refrozen else None,
    }


def read(found: Mapping[str, Any] | None) -> Frozen | None:
    """Convert from JSON."""
    if not found:
        return None
    stale, refrozen = found["stale"], found["refrozen"]
    return Frozen(
        at=datetime.fromisoformat(found["at"]),
        partial=found["partial"],
        stale=OutOfDate(datetime.fromisoformat(stale["since"]), stale["reason"]) if stale else None,
        refrozen=Refrozen(datetime.fromisoformat(refrozen["at"]), refrozen["by"]) if refrozen else None,
    )
