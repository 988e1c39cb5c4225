"""From linked issues to values: compute key results again, with history and notices in the same transaction.

Progress is computed, never incremented: whatever happened, the value follows from the issues as they now stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from sync_service.domain.causes import Cause
from sync_service.domain.measures import compute, progress
from sync_service.domain.notices import Change, Standing, absorb
from sync_service.domain.pace import Status, status
from sync_service.store import key_results, links, write_backs
from sync_service.store.book import Book
from sync_service.store.key_results import Computed, KeyResult, NewNotice
from sync_service.store.links import Supposed


@dataclass(frozen=True, slots=True)
class Moved:
    """What computing did: how many values changed, and whether a notice now waits."""

    values: int
    notices: bool


def compute_key_results(
    tx: Connection,
    book: Book,
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    settle: timedelta,
) -> Moved:
    """Compute each key result (id → the causes that touched it) once, from what is stored.

    Locks the key results in id order and reads their tallies after that, so that two workers agree.
    """
    if not causes:
        return Moved(0, notices=False)
    computed = standings(tx, book, key_results.lock(tx, causes), causes, now=now)
    changed = [
        one
        for one in computed
        if one.standing != one.key_result.standing or one.explanation != one.key_result.explanation
    ]
    key_results.save(tx, changed, now=now)
    if changed:
        write_backs.wake(tx, book.written_to)
    notices = _tell_owners(tx, computed, now=now, settle=settle)
    return Moved(sum(one.moved for one in changed), notices)


def standings(
    tx: Connection,
    book: Book,
    found: Iterable[KeyResult],
    causes: Mapping[int, Sequence[Cause]],
    *,
    now: datetime,
    supposed: Supposed | None = None,
) -> list[Computed]:
    """Compute how key results stand, or would stand with the supposed links; those that stand for good are left out."""
    open_ones = [one for one in found if not _stands_for_good(one, now)]
    ids = [one.id for one in open_ones]
    tallies = links.tallies(tx, ids, supposed=supposed)
    said = key_results.checked_in(tx, [one.id for one in open_ones if one.measure.kind == "manual"])
    partial = _partly_seen(tx, book, ids, supposed)
    computed = []
    for one in open_ones:
        if one.span.frozen(now):
            computed.append(_closing(one))
            continue
        value = compute(one.measure, start=one.start, tallies=tallies.get(one.id, ()), checked_in=said.get(one.id))
        fraction = progress(value.current, start=one.start, target=one.target)
        state = status(fraction, span=one.span, now=now, partial=one.id in partial)
        explanation = f"{value.explanation} ({partial[one.id]})" if one.id in partial else value.explanation
        computed.append(
            Computed(
                key_result=one,
                standing=Standing(state, value.current, fraction),
                explanation=explanation,
                causes=tuple(causes.get(one.id, ())),
            )
        )
    return computed


def _closing(one: KeyResult) -> Computed:
    """Close a key result as it stood: work that came after the cycle's grace moves nothing."""
    standing = replace(one.standing, status=Status.CLOSED)
    return Computed(key_result=one, standing=standing, explanation=one.explanation, causes=())


def _stands_for_good(one: KeyResult, now: datetime) -> bool:
    return one.span.frozen(now) and one.standing.status == "closed"


def _partly_seen(tx: Connection, book: Book, ids: Sequence[int], supposed: Supposed | None) -> dict[int, str]:
    """Say why key results are only partly seen: a rule of theirs, or a linked issue, reaches an uncovered scope."""
    uncovered = book.uncovered
    partial = {one: book.partial[one] for one in ids if one in book.partial}
    for key_result_id, scope_ids in links.scopes_linked(tx, ids, uncovered, supposed=supposed).items():
        names = ", ".join(sorted(uncovered[scope_id] for scope_id in scope_ids))
        partial.setdefault(key_result_id, f"not imported yet: {names}")
    return partial


def _tell_owners(tx: Connection, computed: Sequence[Computed], *, now: datetime, settle: timedelta) -> bool:
    """Let the owner's waiting notice absorb the change, start one, or drop one that was undone meanwhile."""
    pending = key_results.pending_notices(tx, [one.key_result.id for one in computed])
    owners = {one.key_result.id: one.key_result.owner_id for one in computed}
    dropped = {
        theirs.id: "somebody else owns the key result now"
        for (key_result_id, person_id), theirs in pending.items()
        if owners[key_result_id] != person_id
    }
    new: list[NewNotice] = []
    changed: dict[int, Change] = {}
    for one in computed:
        owner_id = one.key_result.owner_id
        if owner_id is None or one.standing == one.key_result.standing:
            continue
        waiting = pending.get((one.key_result.id, owner_id))
        change = absorb(waiting.change if waiting else None, Change(one.key_result.standing, one.standing, one.causes))
        if waiting and change is None:
            dropped[waiting.id] = "undone before it was told"
        elif waiting and change:
            changed[waiting.id] = change
        elif change:
            new.append(NewNotice(person_id=owner_id, key_result_id=one.key_result.id, change=change))
    key_results.drop_notices(tx, dropped, now=now)
    key_results.change_notices(tx, changed)
    key_results.add_notices(tx, new, now=now, settle=settle)
    return bool(new or changed)
