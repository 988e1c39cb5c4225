"""Compute key results from their linked issues; write history entries and notices in the same transaction.

Progress is computed, never incremented: the value always follows from the current state of the issues.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.progress import progress
from sync_service.domain.measures.status import Status, status
from sync_service.domain.people.notices import Change, KeyResultState, absorb
from sync_service.domain.trackers.causes import Cause
from sync_service.store.jobs import write_backs
from sync_service.store.okrs import key_results, links
from sync_service.store.okrs.key_results import Computed, KeyResult, NewNotice
from sync_service.store.okrs.links import PreviewLinks
from sync_service.store.okrs.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class ComputeResult:
    """What a computation changed: how many values, and whether notices wait now."""

    values: int
    notices: bool


def compute_key_results(
    tx: Connection,
    ruleset: Ruleset,
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    settle: timedelta,
) -> ComputeResult:
    """Compute each key result once from what is stored. `causes` maps a key result's id to the causes that touched it.

    Locks the key results in id order and reads their tallies after that, so that two workers agree.
    """
    if not causes:
        return ComputeResult(0, notices=False)
    computed = compute_states(tx, ruleset, key_results.lock(tx, causes), causes, now=now)
    changed = [
        one for one in computed if one.state != one.key_result.state or one.explanation != one.key_result.explanation
    ]
    key_results.save(tx, changed, now=now)
    if changed:
        write_backs.wake(tx, ruleset.write_back_connections)
    notices = _update_notices(tx, computed, now=now, settle=settle)
    return ComputeResult(sum(one.moved for one in changed), notices)


def compute_states(
    tx: Connection,
    ruleset: Ruleset,
    found: Iterable[KeyResult],
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    supposed: PreviewLinks | None = None,
) -> list[Computed]:
    """Compute states of key results, with `supposed` links where given; leave out those closed for good."""
    open_ones = [one for one in found if not _is_closed(one, now)]
    ids = [one.id for one in open_ones]
    tallies = links.tallies(tx, ids, supposed=supposed)
    check_ins = key_results.checked_in(tx, [one.id for one in open_ones if one.measure.kind == "manual"])
    partial = _partly_seen(tx, ruleset, ids, supposed)
    computed = []
    for one in open_ones:
        if one.span.frozen(now):
            computed.append(_close(one))
            continue
        value = compute(
            Inputs(
                measure=one.measure,
                start=one.start,
                target=one.target,
                span=one.span,
                at=now,
                calendar=Calendar(ZoneInfo("UTC")),
                tallies=tallies.get(one.id, ()),
                checked_in=check_ins.get(one.id),
                ever_linked=one.id in tallies,
            )
        )
        fraction = progress(value.current, start=one.start, target=one.target)
        state = status(fraction, span=one.span, now=now, partial=one.id in partial)
        explanation = f"{value.explanation} ({partial[one.id]})" if one.id in partial else value.explanation
        computed.append(
            Computed(
                key_result=one,
                state=KeyResultState(state, value.current, fraction),
                explanation=explanation,
                causes=tuple(causes.get(one.id, ())),
            )
        )
    return computed


def _close(one: KeyResult) -> Computed:
    """Close a key result with its last state: work after the cycle's grace period changes nothing."""
    state = replace(one.state, status=Status.CLOSED)
    return Computed(key_result=one, state=state, explanation=one.explanation, causes=())


def _is_closed(one: KeyResult, now: datetime) -> bool:
    return one.span.frozen(now) and one.state.status == "closed"


def _partly_seen(tx: Connection, ruleset: Ruleset, ids: Sequence[int], supposed: PreviewLinks | None) -> dict[int, str]:
    """Return why key results are partly seen: one of their rules or linked issues is in a scope not imported yet."""
    uncovered = ruleset.uncovered
    partial = {one: ruleset.partial[one] for one in ids if one in ruleset.partial}
    for key_result_id, scope_ids in links.scopes_linked(tx, ids, uncovered, supposed=supposed).items():
        names = ", ".join(sorted(uncovered[scope_id] for scope_id in scope_ids))
        partial.setdefault(key_result_id, f"not imported yet: {names}")
    return partial


def _update_notices(tx: Connection, computed: Sequence[Computed], *, now: datetime, settle: timedelta) -> bool:
    """Update the owner's waiting notice with the change, add a new one, or drop one whose change was undone."""
    pending = key_results.pending_notices(tx, [one.key_result.id for one in computed])
    owners = {one.key_result.id: one.key_result.owner_id for one in computed}
    dropped = {
        notice.id: "another person owns the key result now"
        for (key_result_id, person_id), notice in pending.items()
        if owners[key_result_id] != person_id
    }
    new: list[NewNotice] = []
    changed: dict[int, Change] = {}
    for one in computed:
        owner_id = one.key_result.owner_id
        if owner_id is None or one.state == one.key_result.state:
            continue
        waiting = pending.get((one.key_result.id, owner_id))
        change = absorb(waiting.change if waiting else None, Change(one.key_result.state, one.state, one.causes))
        if waiting and change is None:
            dropped[waiting.id] = "undone before the mail was written"
        elif waiting and change:
            changed[waiting.id] = change
        elif change:
            new.append(NewNotice(person_id=owner_id, key_result_id=one.key_result.id, change=change))
    key_results.drop_notices(tx, dropped, now=now)
    key_results.change_notices(tx, changed)
    key_results.add_notices(tx, new, now=now, settle=settle)
    return bool(new or changed)
