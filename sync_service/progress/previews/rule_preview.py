"""Preview an edit of a rule: which issues it would match and how key results would change. Saves and locks nothing.

Known issues are matched with the edited rule, and key results are computed from the links that would follow, by the
same code that computes them after the edit is saved (`progress/compute.py`). So the preview shows the numbers that
come.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Connection

from sync_service.domain.people.notices import KeyResultState
from sync_service.domain.rules.condition_reach import mentions, mentions_custom, possible_scopes
from sync_service.domain.rules.conditions import compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.named_people import named_people
from sync_service.domain.rules.requirements import requirements
from sync_service.domain.rules.rule_index import CompiledRule, necessary_terms
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import State
from sync_service.progress.compute import compute_states
from sync_service.progress.previews.link_changes import LinkChanges, RuleTarget, link_changes
from sync_service.progress.previews.matching.known_issues import known_issues
from sync_service.progress.previews.matching.known_logins import unknown_logins
from sync_service.progress.previews.matching.known_values import UnknownValue, unknown_values
from sync_service.progress.previews.matching.near_misses import NearMisses, near_misses
from sync_service.progress.previews.replayed_line import ReplayedLine, replayed_lines
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, links
from sync_service.store.okrs.compiled_rules import RuleContexts
from sync_service.store.okrs.key_results import Computed, KeyResult
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.rules import MATCHES_NOTHING
from sync_service.store.okrs.ruleset import Ruleset, load_ruleset, with_rules
from sync_service.store.trackers import accounts, issues

SHOWN = 50
"""Issues of each list that are named; the rest is only counted."""


Becomes = Literal["linked", "proposed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A rule as somebody edits it. `slug` is None for a new rule without a name yet; `condition` is valid."""

    slug: str | None
    connection_id: int
    key_result_id: int
    condition: Mapping[str, Any]
    state: RuleState = RuleState.ACTIVE

    @property
    def target(self) -> RuleTarget:
        """Return what the rule becomes, without its condition."""
        return RuleTarget(
            slug=self.slug, connection_id=self.connection_id, key_result_id=self.key_result_id, state=self.state
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedIssue:
    """A known issue that the rule matches, no longer matches, or would match if one of its conditions held.

    `becomes` says what the rule makes of it: it is `linked` or `proposed`; None: neither, as the rule is not in force
    or its owner declined the issue. `new`: the rule did not do so before. `missing` is that one condition, in words.
    """

    id: int
    key: str
    title: str
    url: str
    state: State | None
    scope: str
    new: bool
    becomes: Becomes | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The state of a key result now, and after the edit counts. Values are in the key result's unit.

    `computed` are the computed values now and then where they do not apply: they are proposed, or overridden.
    """

    slug: str
    before: KeyResultState
    after: KeyResultState
    explanation: str
    computed: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an edit would do.

    The connection has `known` issues, `watched` of them were matched against the rule, and `matching` of these match
    its condition, in whatever state it is. `changes` are all links and proposals that would be made and removed.
    `shown` names the first matching issues, `lost` the first that the rule would no longer link to its key result,
    `withdrawn` the first that it would no longer propose, `near` the first that one condition excludes. `lines` are
    the lines of the touched key results and as they would have been; empty where they were not asked for.
    """

    known: int
    watched: int
    matching: int
    changes: LinkChanges
    shown: Sequence[MatchedIssue]
    lost: Sequence[MatchedIssue]
    withdrawn: Sequence[MatchedIssue]
    effects: Sequence[Effect]
    misses: NearMisses
    near: Sequence[MatchedIssue]
    unknown: Sequence[UnknownValue]
    lines: Sequence[ReplayedLine] = ()


def preview(tx: Connection, edit: Edit, *, now: datetime, lines: bool = False) -> Preview:
    """Return what an edit would do if it were saved now, on demand with replayed `lines`.

    Raise `RuleError` when the condition can't be used.
    """
    context = RuleContexts.read(tx).of(edit.connection_id, edit.key_result_id)
    rule = _compiled(edit, context)
    wanted = requirements(edit.condition, context)
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    before = [one for one in ruleset.rules.rules if edit.slug is not None and one.slug == edit.slug]
    # As when the rule is saved: logins that it names for the first time mean the accounts that known issues show.
    pins = accounts.known(tx, ruleset.people, edit.connection_id, named_people(edit.condition))
    meant = replace(ruleset, people=ruleset.people.with_pins(pins))
    known = known_issues(tx, meant, edit.connection_id, wanted)
    matching = known.matching(wanted)
    if mentions_custom(edit.condition):
        perhaps = requirements(edit.condition, replace(context, unknown=True))
        undecided = set(known_issues(tx, meant, edit.connection_id, perhaps).matching(perhaps)).difference(matching)
        kept = undecided & links.of_revisions(tx, [one.revision_id for one in before if not one.pending])
        matching = sorted({*matching, *kept}, reverse=True)
    changes = link_changes(tx, edit.target, before, matching)
    misses = near_misses(known, wanted)
    named = _Named(tx, ruleset, edit.connection_id)
    effects = _Effects.of(tx, ruleset, rule, before, changes.counting)
    computed = effects.computed(now)
    return Preview(
        known=known.known,
        watched=len(known.ids),
        matching=len(matching),
        changes=changes,
        shown=_shown(named, changes, matching),
        lost=named.first(changes.unlinked),
        withdrawn=named.first(changes.withdrawn),
        effects=[effect_of(one, computed.get(one.id)) for one in effects.touched],
        misses=misses,
        near=named.first(
            [one.issue_id for one in misses.found],
            missing={one.issue_id: misses.conditions[one.condition].words for one in misses.found[:SHOWN]},
        ),
        unknown=[
            *unknown_values(tx, ruleset, edit.connection_id, edit.condition, known.columns),
            *unknown_logins(tx, meant, edit.connection_id, edit.condition, known.columns),
        ],
        lines=effects.lines(computed, now) if lines else (),
    )


def _shown(named: "_Named", changes: LinkChanges, matching: Sequence[int]) -> list[MatchedIssue]:
    """Return the first matching issues: those of which something becomes first, and of these those that are new."""
    new, linked, proposed = {*changes.linked, *changes.proposed}, set(changes.counting), set(changes.waiting)
    becoming = linked | proposed
    first = sorted(matching, key=lambda id_: (id_ not in new, id_ not in becoming)) if becoming else matching
    becomes: dict[int, Becomes] = dict.fromkeys(proposed, "proposed")
    becomes |= dict.fromkeys(linked, "linked")
    return [replace(one, becomes=becomes.get(one.id)) for one in named.first(first, new=new)]


def _compiled(edit: Edit, context: RuleContext) -> CompiledRule:
    predicate = compile_condition(edit.condition, (), context)
    matches = edit.state.matches
    return CompiledRule(
        revision_id=0,
        slug=edit.slug or "",
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        predicate=predicate if matches else compile_condition(MATCHES_NOTHING),
        scopes=possible_scopes(edit.condition) if matches else frozenset(),
        terms=necessary_terms(edit.condition),
        names_ancestors=mentions(edit.condition, "under"),
        pending=False,
        proposing=edit.state is RuleState.PROPOSING,
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """Reads what the first issues of a list are called."""

    tx: Connection
    ruleset: Ruleset
    connection_id: int

    def first(
        self, ids: Sequence[int], *, new: Collection[int] = (), missing: Mapping[int, str] | None = None
    ) -> list[MatchedIssue]:
        """Return the first of these issues, in their order."""
        held = {one.id: one.issue for one in issues.read(self.tx, ids[:SHOWN]) if one.issue}
        missed = missing or {}
        return [
            MatchedIssue(
                id=id_,
                key=held[id_].key,
                title=held[id_].title,
                url=held[id_].url,
                state=held[id_].state,
                scope=self._scope_name(held[id_]),
                new=id_ in new,
                missing=missed.get(id_),
            )
            for id_ in ids[:SHOWN]
            if id_ in held
        ]

    def _scope_name(self, one: Issue) -> str:
        scope = self.ruleset.scope_of(self.connection_id, one.scope) if one.scope else None
        return scope.name if scope else one.scope.name if one.scope else ""


@dataclass(frozen=True, slots=True)
class _Effects:
    """Computes the key results of a rule as it is and as it would be."""

    tx: Connection
    ruleset: Ruleset
    touched: Sequence[KeyResult]
    supposed: PreviewLinks

    @classmethod
    def of(
        cls,
        tx: Connection,
        ruleset: Ruleset,
        rule: CompiledRule,
        before: Sequence[CompiledRule],
        counting: Sequence[int],
    ) -> "_Effects":
        replaced = {one.revision_id for one in before}
        others = [one for one in ruleset.rules.rules if one.revision_id not in replaced]
        touched = {rule.key_result_id, *(one.key_result_id for one in before if not one.pending)}
        return cls(
            tx,
            with_rules(tx, ruleset, [*others, rule]),
            key_results.read(tx, touched),
            PreviewLinks(without=replaced, key_result_id=rule.key_result_id, issue_ids=counting),
        )

    def computed(self, now: datetime) -> dict[int, Computed]:
        """Return the states that would follow, by key result; those that are closed for good have none."""
        states = compute_states(self.tx, self.ruleset, self.touched, {}, now=now, supposed=self.supposed)
        return {one.key_result.id: one for one in states}

    def lines(self, computed: Mapping[int, Computed], now: datetime) -> list[ReplayedLine]:
        """Return the lines, as they are and as they would have been."""
        values = {id_: one.state.value for id_, one in computed.items()}
        return replayed_lines(self.tx, self.ruleset, self.touched, self.supposed, now=now, values=values)


def effect_of(one: KeyResult, computed: Computed | None) -> Effect:
    """Return the change of a key result; one in a frozen cycle stays as it is."""
    differs = computed is not None and computed.value != computed.state.value
    return Effect(
        slug=one.slug,
        before=one.state,
        after=computed.state if computed else one.state,
        explanation=computed.explanation if computed else one.explanation,
        computed=(one.computed, computed.value) if computed and differs else None,
    )
