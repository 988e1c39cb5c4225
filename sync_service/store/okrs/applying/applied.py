"""Proposals and overrides as JSON, in the columns of a key result."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.applying.applied import Applied, Decision, Override, Proposal, lapse
from sync_service.domain.measures.parts import Part, PartKind
from sync_service.store.engine.database import insert_or_skip
from sync_service.store.okrs.applying.causes import from_columns, to_columns
from sync_service.store.tables import key_result, recompute


def columns(one: Applied) -> dict[str, Any]:
    """Convert a proposal and an override to JSON."""
    return {
        "proposed": _of_proposal(one.proposal) if one.proposal else None,
        "override": _of_override(one.override) if one.override else None,
    }


def read(current: float | None, proposed: Mapping[str, Any] | None, override: Mapping[str, Any] | None) -> Applied:
    """Convert the columns of a key result to what applies."""
    overridden = _override(override) if override else None
    base = overridden.base if overridden else current
    return Applied(base, _proposal(proposed) if proposed else None, overridden)


def facts(computed: float | None, one: Applied) -> dict[str, Any]:
    """Return what a history entry stores if the applied value may differ from the computed one; else nothing."""
    if one.proposal is None and one.override is None:
        return {}
    kept = columns(Applied(one.base, one.proposal and replace(one.proposal, causes=(), parts=()), one.override))
    return {"computed": computed, "applied": kept | {"base": one.base}}


def read_facts(found: Mapping[str, Any], value: float | None) -> tuple[float | None, Applied]:
    """Return the computed value and what applied, from the stored facts of a history entry with this value."""
    if "applied" not in found:
        return value, Applied(value)
    kept = found["applied"]
    return found["computed"], read(kept["base"], kept["proposed"], kept["override"])


def _of_proposal(one: Proposal) -> dict[str, Any]:
    return {
        "value": one.value,
        "since": one.since.isoformat(),
        "causes": [to_columns(cause) for cause in one.causes],
        "parts": [{"kind": part.kind.value, "change": part.change} for part in one.parts],
        "decision": one.decision.value,
        "notice_to": one.notice_to,
    }


def _proposal(found: Mapping[str, Any]) -> Proposal:
    return Proposal(
        value=found["value"],
        since=datetime.fromisoformat(found["since"]),
        causes=tuple(from_columns(cause) for cause in found["causes"]),
        parts=tuple(Part(PartKind(one["kind"]), one["change"]) for one in found["parts"]),
        decision=Decision(found["decision"]),
        notice_to=found.get("notice_to"),
    )


def _of_override(one: Override) -> dict[str, Any]:
    values = {each.name: getattr(one, each.name) for each in fields(one)}
    return values | {"until": one.until.isoformat() if one.until else None}


def _override(found: Mapping[str, Any]) -> Override:
    until = datetime.fromisoformat(found["until"]) if found["until"] else None
    return Override(**{**found, "until": until})


def lapse_proposal(tx: Transaction, key_result_id: int) -> Proposal | None:
    """End the waiting proposal because the numbers become final; return it, to be listed. None: none waits.

    The caller has locked the key result.
    """
    k = key_result
    row = tx.execute(sa.select(k.c.current, k.c.proposed, k.c.override).where(k.c.id == key_result_id)).one()
    lapsed = lapse(read(row.current, row.proposed, row.override))
    stored = {name: sa.null() if value is None else value for name, value in columns(lapsed).items()}
    tx.execute(sa.update(k).where(k.c.id == key_result_id).values(stored))
    return lapsed.proposal if lapsed.proposal and lapsed.proposal.lapsed else None


def ends_at(tx: Transaction, key_result_id: int) -> datetime | None:
    """Return when the override of a key result ends by itself; None: it has none, or no such time."""
    found = tx.scalar(sa.select(key_result.c.override).where(key_result.c.id == key_result_id))
    return _override(found).until if found else None


def end_on_time(tx: Transaction, key_result_id: int, until: datetime) -> None:
    """Request to compute a key result when its override ends, or earlier where that was requested."""
    insert_or_skip(tx, recompute, [{"key_result_id": key_result_id, "causes": []}], unique=("key_result_id",))
    later = sa.or_(recompute.c.due_at.is_(None), recompute.c.due_at > until)
    mine = (recompute.c.key_result_id == key_result_id, later, recompute.c.lease.is_(None))
    tx.execute(sa.update(recompute).where(*mine).values(due_at=until, attempts=0, buried_at=None))
