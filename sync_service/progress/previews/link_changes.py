"""The links and proposals that an edit of a rule makes and removes, as saving it does."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sync_service.domain.rules.rule_index import CompiledRule
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store.okrs import link_decisions, links
from sync_service.store.okrs.links import PROPOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """The issues, by row id and newest first, whose link by a rule is made or removed, or whose proposal is.

    `counting` are those that it links after the edit, made or kept; `waiting` those that it proposes. `links_now` and
    `proposals_now` count what it links and proposes before.
    """

    counting: Sequence[int]
    waiting: Sequence[int]
    linked: Sequence[int]
    unlinked: Sequence[int]
    proposed: Sequence[int]
    withdrawn: Sequence[int]
    links_now: int
    proposals_now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTarget:
    """What a rule becomes: its slug, if it has one yet, its state, and where its links lead."""

    slug: str | None
    connection_id: int
    key_result_id: int
    state: RuleState


def link_changes(
    tx: Connection, target: RuleTarget, before: Collection[CompiledRule], matching: Sequence[int]
) -> LinkChanges:
    """Return what an edit makes of its matching issues; `before` are the revisions that it replaces."""
    counting, waiting = _outcome(tx, target, matching)
    links_now, proposals_now = (_Held.read(tx, target, before, origin) for origin in ("rule", PROPOSED))
    return LinkChanges(
        counting=counting,
        waiting=waiting,
        linked=[id_ for id_ in counting if id_ not in links_now.same],
        unlinked=links_now.lost(counting),
        proposed=[id_ for id_ in waiting if id_ not in proposals_now.same],
        withdrawn=proposals_now.lost(waiting),
        links_now=links_now.count,
        proposals_now=proposals_now.count,
    )


def _outcome(tx: Connection, target: RuleTarget, matching: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Return which matching issues are linked, and which are proposed: those about which nothing was decided."""
    if target.state is RuleState.ACTIVE:
        return matching, ()
    if target.state is not RuleState.PROPOSING:
        return (), ()
    decided = link_decisions.of_rule(tx, target.connection_id, target.slug, target.key_result_id) if target.slug else {}
    return [id_ for id_ in matching if decided.get(id_)], [id_ for id_ in matching if id_ not in decided]


@dataclass(frozen=True, slots=True)
class _Held:
    """The issues that a rule links, or proposes, now: to the key result of the edit (`same`), and to another one."""

    same: set[int]
    other: set[int]

    @classmethod
    def read(cls, tx: Connection, target: RuleTarget, before: Collection[CompiledRule], origin: str) -> "_Held":
        active = [one for one in before if not one.pending]
        same = [one.revision_id for one in active if one.key_result_id == target.key_result_id]
        other = [one.revision_id for one in active if one.key_result_id != target.key_result_id]
        return cls(links.of_revisions(tx, same, origin=origin), links.of_revisions(tx, other, origin=origin))

    @property
    def count(self) -> int:
        return len(self.same) + len(self.other)

    def lost(self, kept: Sequence[int]) -> list[int]:
        """Return the issues that the rule lets go."""
        return sorted([*(self.same - set(kept)), *self.other], reverse=True)
