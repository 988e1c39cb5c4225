"""Compute key results from their linked issues; write history entries and notices in the same transaction.

Progress is computed, never incremented: the value always follows from the current state of the issues.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import time_of_value
from sync_service.domain.cycles.frozen import Frozen, OutOfDate, Refrozen
from sync_service.domain.forecasts.goal import KINDS
from sync_service.domain.measures.applying.applied import Applied, Computation, announced, apply, lapse
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.parts import Change, split
from sync_service.domain.measures.progress import progress, progress_in_range
from sync_service.domain.measures.status import Pace, Status, status
from sync_service.domain.people.notices import SILENT, KeyResultState, absorb
from sync_service.domain.people.notices import Change as NoticeChange
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.inputs import InputReader
from sync_service.progress.pace import only_dropped, pace_of
from sync_service.store.jobs import write_backs
from sync_service.store.okrs import check_ins, forecasts, key_results, linked_issues
from sync_service.store.okrs.history import outside_since
from sync_service.store.okrs.key_results import Computed, KeyResult, NewNotice
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.okrs.staleness import stale
from sync_service.store.okrs.team_settings import team_settings


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
    issue_ids: Collection[int] | None = None,
    by_rule: bool = False,
    decided: Mapping[int, Applied] | None = None,
) -> ComputeResult:
    """Compute each key result once from what is stored. `causes` maps a key result's id to the causes that touched it.

    Locks the key results in id order and reads contributions after that, so that two workers agree. Where only some
    issues changed, `issue_ids` names them. `by_rule`: the links that differ were made or removed by a changed rule.
    `decided` is what a person decided about applied values, by key result.
    """
    if not causes:
        return ComputeResult(0, notices=False)
    found = [replace(one, decided=(decided or {}).get(one.id)) for one in key_results.lock(tx, causes)]
    return compute_locked(tx, ruleset, found, causes, now=now, settle=settle, issue_ids=issue_ids, by_rule=by_rule)


def compute_locked(
    tx: Connection,
    ruleset: Ruleset,
    found: Sequence[KeyResult],
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    settle: timedelta,
    issue_ids: Collection[int] | None = None,
    by_rule: bool = False,
) -> ComputeResult:
    """Compute key results that the caller has locked, as `compute_key_results` does."""
    only = None if issue_ids is None else linked_issues.affected(tx, issue_ids)
    computed = compute_states(tx, ruleset, found, causes, now=now, issue_ids=only, by_rule=by_rule)
    changed = [one for one in computed if _differs(one)]
    key_results.save(tx, changed, now=now)
    if changed:
        write_backs.wake(tx, ruleset.write_back_connections)
        forecasts.request(tx, (one.key_result.id for one in changed if _has_forecast(one.key_result)))
    notices = _update_notices(tx, computed, now=now, settle=settle)
    return ComputeResult(sum(one.moved for one in changed), notices)


def _has_forecast(one: KeyResult) -> bool:
    return one.measure.kind in KINDS and one.stay is None


def _differs(one: Computed) -> bool:
    before = one.key_result
    inputs_differ = one.recorded or one.announces or before.basis is None
    final = one.frozen != before.frozen or _counts_end(before) != _counts_end(replace(before, basis=one.basis))
    return inputs_differ or final or one.state != before.state or one.explanation != before.explanation


def _counts_end(one: KeyResult) -> bool:
    """Return whether the value was computed as of the end of the cycle."""
    return one.basis is not None and one.basis.at >= time_of_value(one.span, one.span.ends_at)


def compute_states(
    tx: Connection,
    ruleset: Ruleset,
    found: Sequence[KeyResult],
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    issue_ids: Collection[int] | None = None,
    by_rule: bool = False,
    supposed: PreviewLinks | None = None,
) -> list[Computed]:
    """Compute states of key results; leave out those closed for good. Store changed contributions.

    With `supposed` links nothing is stored: it is a preview. Once the days of grace are over, numbers become final: as
    they were computed last, if that was as of the end. Those that are refrozen are computed once more.
    """
    grace_days = team_settings(tx).grace_days
    final = {one.id for one in found if one.span.frozen(now, grace_days)}
    open_ones = [one for one in found if one.refrozen_by or not (one.id in final and one.state.status == "closed")]
    kept = {one.id for one in open_ones if one.id in final and _counts_end(one) and not one.refrozen_by}
    running = [one for one in open_ones if one.id not in kept]
    outside = outside_since(tx, [one.id for one in running if one.stay is not None])
    partial = _partly_seen(tx, ruleset, [one.id for one in open_ones], supposed)
    frozen = _frozen(tx, [one for one in open_ones if one.id in final], partial, now)
    reader = InputReader(tx=tx, ruleset=ruleset, now=now, supposed=supposed, by_rule=by_rule, grace_days=grace_days)
    inputs = reader.read(running, issue_ids)
    own = _owners_own(tx, running, grace_days)
    computed = [
        _computed(
            replace(one, proposes=one.proposes and one.id not in own),
            inputs[one.id],
            partial.get(one.id),
            causes.get(one.id, ()),
            replace(pace_of(tx, one, now, outside.get(one.id)), closed=one.id in final),
        )
        if one.id in inputs
        else _close(one)
        for one in open_ones
    ]
    return [_with_frozen(one, frozen.get(one.key_result.id)) for one in computed]


def _owners_own(tx: Connection, found: Sequence[KeyResult], grace_days: int) -> set[int]:
    """Return the key results whose owner checked in the latest value: making it accepts it.

    Without an owner, whoever may check in a value may accept it.
    """
    manual = [one for one in found if one.proposes and one.measure.kind == "manual"]
    authors = check_ins.latest_authors(tx, {one.id: one.span.freezes_at(grace_days) for one in manual})
    return {one.id for one in manual if one.id in authors and one.owner_id in (None, authors[one.id])}


def _frozen(tx: Connection, final: Sequence[KeyResult], partial: Mapping[int, str], now: datetime) -> dict[int, Frozen]:
    """Return how the numbers of key results become final now."""
    out_of_date = stale(tx, [one.id for one in final]) if final else {}
    return {
        one.id: Frozen(
            at=one.frozen.at if one.frozen else now,
            partial=partial.get(one.id),
            stale=OutOfDate(out_of_date[one.id].since, out_of_date[one.id].reason) if one.id in out_of_date else None,
            refrozen=Refrozen(now, one.refrozen_by) if one.refrozen_by else None,
        )
        for one in final
    }


def _with_frozen(one: Computed, frozen: Frozen | None) -> Computed:
    """Return a computed state with how it became final; a proposed value that waits lapses then."""
    if frozen is None:
        return one
    applied = lapse(one.applied) if one.applied else None
    return replace(one, frozen=frozen, applied=applied, announces=False)


def _computed(one: KeyResult, change: Change, partly_seen: str | None, causes: Sequence[Cause], pace: Pace) -> Computed:
    """Compute the new state of one key result from its inputs."""
    inputs = change.inputs
    value = compute(inputs)
    parts = split(change, value_before=one.computed, value_after=value.current)
    computation = Computation(
        value=value.current, now=pace.now, proposes=one.proposes, causes=tuple(causes), parts=parts
    )
    outcome = apply(one.decided or one.applied, computation, was=one.state.value)
    applied = outcome.applied.value
    fraction = progress_of(one, applied)
    state = status(fraction, replace(pace, partial=partly_seen is not None, only_dropped=only_dropped(inputs)))
    kept = outcome.applied if state in SILENT else announced(outcome.applied, one.owner_id)
    return Computed(
        key_result=one,
        state=KeyResultState(state, applied, fraction),
        explanation=f"{value.explanation} ({partly_seen})" if partly_seen else value.explanation,
        causes=outcome.causes,
        value=value.current,
        basis=change.after,
        changes=change.contributions,
        parts=outcome.parts,
        applied=kept,
        announces=kept is not outcome.applied,
    )


def progress_of(one: KeyResult, current: float | None) -> float | None:
    """Return the progress of a key result with a value: toward its target, or in its range."""
    if one.stay is not None:
        return progress_in_range(current, one.stay)
    if one.start is None or one.target is None:
        raise ValueError(f"{one.slug} has neither a target nor a range to stay in")
    return progress(current, start=one.start, target=one.target)


def _close(one: KeyResult) -> Computed:
    """Close a key result with its last state: work after the cycle's grace period changes nothing."""
    state = replace(one.state, status=Status.CLOSED)
    return Computed(
        key_result=one,
        state=state,
        explanation=one.explanation,
        causes=(),
        value=one.computed,
        basis=one.basis,
        applied=one.applied,
    )


def _partly_seen(tx: Connection, ruleset: Ruleset, ids: Sequence[int], supposed: PreviewLinks | None) -> dict[int, str]:
    """Return why key results are partly seen: one of their rules or linked issues is in a scope not imported yet."""
    uncovered = ruleset.uncovered
    partial = {one: ruleset.partial[one] for one in ids if one in ruleset.partial}
    for key_result_id, scope_ids in linked_issues.scopes_linked(tx, ids, uncovered, supposed=supposed).items():
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
    changed: dict[int, NoticeChange] = {}
    for one in computed:
        owner_id = one.key_result.owner_id
        waiting = pending.get((one.key_result.id, owner_id)) if owner_id else None
        before = waiting.change if waiting else None
        found = _notice_change(one, before)
        if owner_id is None or found is None:
            continue
        change = absorb(before, found)
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


def _notice_change(one: Computed, pending: NoticeChange | None) -> NoticeChange | None:
    """Return what is new for the owner's notice, with the proposed value where it is about that; None: nothing."""
    pending_proposal = pending is not None and pending.proposes
    waiting = one.applied.waiting if one.applied else None
    announcement = waiting.announcement if waiting and (one.announces or pending_proposal) else ()
    before = one.key_result.state
    if one.announces and before.status in SILENT:
        before = one.state  # a change from this status makes no mail, but the proposed value does
    if one.state == before and not announcement and not pending_proposal:
        return None
    causes = one.causes if one.state != before else ()
    return NoticeChange(before, one.state, (*causes, *announcement))
