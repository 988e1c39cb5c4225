"""Applied, proposed and overridden: which value counts, and what waits for the owner's decision. Pure functions.

The base is the value that counts without an override: the computed one, or the last one that the owner accepted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import isclose
from typing import Literal

from sync_service.domain.measures.parts import Part, PartKind
from sync_service.domain.measures.progress import DECIMALS
from sync_service.domain.text import number
from sync_service.domain.trackers.causes import Cause

MAX_CAUSES = 50
"""How many causes a proposal keeps, the latest ones."""


Until = datetime | Literal["change"] | None
"""When an override ends by itself: at a time, with the next change of the computed value, or never."""


class Decision(StrEnum):
    """What became of a proposed value. It lapses when the numbers of the cycle become final."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A computed value that the owner may accept. Causes and parts are those of all changes since the base.

    `notice_to` is the id of the person who has a notice about it, or had one about the value that it superseded.
    """

    value: float
    since: datetime
    causes: tuple[Cause, ...] = ()
    parts: tuple[Part, ...] = ()
    decision: Decision = Decision.WAITING
    notice_to: int | None = field(default=None, compare=False)

    @property
    def announcement(self) -> tuple[Cause, ...]:
        """The causes of a notice about it."""
        causes = self.causes or (Cause(what="another value was computed"),)
        return tuple(replace(one, proposed=True) for one in causes)

    @property
    def lapsed(self) -> bool:
        """Whether it was never decided."""
        return self.decision is Decision.LAPSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's value that counts in place of the base.

    It ends at `until`, or with the next change of the computed value (`until_change`), or when it is resumed.
    `computed` is the computed value when it was made.
    """

    value: float
    by: str
    computed: float | None
    base: float | None
    until: datetime | None = None
    until_change: bool = False
    resumed: bool = False

    @property
    def ends(self) -> Until:
        """When it ends by itself."""
        return "change" if self.until_change else self.until


@dataclass(frozen=True, slots=True)
class Applied:
    """The base, what is proposed in place of it, and what overrides it."""

    base: float | None
    proposal: Proposal | None = None
    override: Override | None = None

    @property
    def value(self) -> float | None:
        """Return the value that counts."""
        return self.base if self.override is None else self.override.value

    @property
    def waiting(self) -> Proposal | None:
        """Return the proposal that waits for a decision."""
        return self.proposal if self.proposal and self.proposal.decision is Decision.WAITING else None


NOTHING = Applied(None)
"""Nothing was computed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """A newly computed value, why and by which parts it changed, and whether values are only proposed."""

    value: float | None
    now: datetime
    proposes: bool = False
    causes: tuple[Cause, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applies after a computation, with the causes and parts of the change of the applied value."""

    applied: Applied
    causes: tuple[Cause, ...]
    parts: tuple[Part, ...]


def apply(before: Applied, computation: Computation, *, was: float | None) -> Outcome:
    """Return what applies after a computation; `was` is the value that applied before it.

    The parts are those of the applied change. A change made or ended by an override has none, since it is neither work
    nor a moved goal.
    """
    override = _running(before.override, computation)
    after, causes, parts = _rebase(before, computation)
    applied = replace(after, override=override and replace(override, base=after.base))
    causes = (*causes, *_ended(before.override, override, computation))
    if before.override is not None or override is not None or applied.value is None or was is None:
        return Outcome(applied, causes, ())
    return Outcome(applied, causes, parts if _add_up(parts, applied.value - was) else ())


def _running(override: Override | None, computation: Computation) -> Override | None:
    """Return the override if it has not ended."""
    if override is None or override.resumed:
        return None
    if override.until is not None and computation.now >= override.until:
        return None
    return None if override.until_change and computation.value != override.computed else override


def _ended(before: Override | None, after: Override | None, computation: Computation) -> tuple[Cause, ...]:
    """Return the cause where an override ended by itself."""
    if before is None or before.resumed or after is not None:
        return ()
    in_time = before.until is not None and computation.now >= before.until
    why = "its time is over" if in_time else "the computed value changed"
    return (Cause(what=f"the override with {number(before.value)} by {before.by} ended: {why}"),)


def _rebase(before: Applied, computation: Computation) -> tuple[Applied, tuple[Cause, ...], tuple[Part, ...]]:
    """Return the new base and proposal, with the causes and parts of the change of the base."""
    proposal, base = before.proposal, before.base
    causes, parts = computation.causes, computation.parts
    if not computation.proposes:
        earlier = proposal or Proposal(value=0.0, since=computation.now)
        return Applied(computation.value), _kept(earlier.causes, causes), summed(earlier.parts, parts)
    accepted = proposal is not None and proposal.decision is Decision.ACCEPTED
    if proposal is not None and accepted:
        return (
            # What another value was computed by meanwhile, was not the decision.
            Applied(proposal.value, propose(proposal.value, None, replace(computation, causes=()))),
            _kept(proposal.causes, causes),
            proposal.parts,
        )
    return Applied(base, propose(base, proposal, computation)), causes, ()


def propose(base: float | None, proposal: Proposal | None, computation: Computation) -> Proposal | None:
    """Return the proposal after a computation: none where there is no data, or nothing to change."""
    value = computation.value
    if value is None or value == base:
        return None
    if proposal is not None and proposal.value == value:
        return proposal
    causes = _kept(proposal.causes if proposal else (), computation.causes)
    parts = summed(proposal.parts if proposal else (), computation.parts)
    notice_to = proposal.notice_to if proposal and proposal.decision is Decision.WAITING else None
    return Proposal(value=value, since=computation.now, causes=causes, parts=parts, notice_to=notice_to)


def announced(applied: Applied, person_id: int | None) -> Applied:
    """Return what applies when a person gets a notice about the proposal that waits; the same where they have one."""
    waiting = applied.waiting
    if waiting is None or person_id is None or waiting.notice_to == person_id:
        return applied
    return replace(applied, proposal=replace(waiting, notice_to=person_id))


def decided(applied: Applied, decision: Decision) -> Applied:
    """Return what applies with a decision about the proposal that waits; the next computation follows it."""
    if applied.waiting is None:
        raise ValueError("no proposal waits")
    return replace(applied, proposal=replace(applied.waiting, decision=decision))


def overridden(applied: Applied, value: float, *, by: str, computed: float | None, until: Until = None) -> Applied:
    """Return what applies with a person's value, which ends an earlier one."""
    made = Override(
        value=value,
        by=by,
        computed=computed,
        base=applied.base,
        until=until if isinstance(until, datetime) else None,
        until_change=until == "change",
    )
    return replace(applied, override=made)


def resumed(applied: Applied) -> Applied:
    """Return what applies with an override that the next computation ends."""
    if applied.override is None:
        raise ValueError("nothing is overridden")
    return replace(applied, override=replace(applied.override, resumed=True))


def lapse(applied: Applied) -> Applied:
    """Return what applies once the numbers are final: a proposal that waits has lapsed."""
    waiting = applied.waiting
    return replace(applied, proposal=replace(waiting, decision=Decision.LAPSED)) if waiting else applied


def _kept(before: Sequence[Cause], after: Sequence[Cause]) -> tuple[Cause, ...]:
    return (*before, *(one for one in after if one not in before))[-MAX_CAUSES:]


def summed(*groups: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts with those of one kind added."""
    each = [part for parts in groups for part in parts]
    found = {kind: round(sum(one.change for one in each if one.kind is kind), DECIMALS) for kind in PartKind}
    return tuple(Part(kind, change) for kind, change in found.items() if change)


def _add_up(parts: Sequence[Part], change: float) -> bool:
    return isclose(sum(part.change for part in parts), change, rel_tol=1e-9, abs_tol=1e-5)
