"""Preview an edit of a rule: which issues it would match and how key results would change. Saves and locks nothing.

Known issues are matched with the edited rule, and key results are computed from the links that would follow, by the
same code that computes them after the edit is saved (`progress/compute.py`). So the preview shows the numbers that
come.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.people.notices import KeyResultState
from sync_service.domain.rules.conditions import compile_condition, possible_scopes
from sync_service.domain.rules.rule_index import CompiledRule, necessary_terms
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef, State
from sync_service.progress.compute import compute_states
from sync_service.progress.rule_subjects import other_parents, subject_of
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, links
from sync_service.store.okrs.key_results import Computed, KeyResult
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.rules import MATCHES_NOTHING
from sync_service.store.okrs.ruleset import Ruleset, Scope, load_ruleset, with_rules
from sync_service.store.trackers import issues

CHUNK = 2000
"""Issues in memory at a time."""

SHOWN = 20
"""Issues that are named; the rest is only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A rule as somebody edits it. `slug` is None for a new rule; `condition` is valid."""

    slug: str | None
    connection_id: int
    key_result_id: int
    condition: Mapping[str, Any]
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedIssue:
    """A known issue that the rule matches, or no longer matches. `new`: the rule did not link it before."""

    id: int
    key: str
    title: str
    url: str
    state: State | None
    scope: str
    new: bool


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

    The connection has `known` issues, `watched` of them were matched against the rule, and `matching` of these match.
    `shown` and `lost` name the first few matching issues and the first few that the rule would no longer link.
    """

    known: int
    watched: int
    matching: int
    gained: int
    let_go: int
    shown: Sequence[MatchedIssue]
    lost: Sequence[MatchedIssue]
    effects: Sequence[Effect]


def preview(tx: Connection, edit: Edit, *, now: datetime) -> Preview:
    """Return what an edit would do if it were saved now. Raise `RuleError` when the condition can't be used."""
    rule = _compiled(edit)
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    before = [one for one in ruleset.rules.rules if edit.slug is not None and one.slug == edit.slug]
    had = links.of_revisions(tx, [one.revision_id for one in before if not one.pending])
    watched, matching = 0, dict[int, MatchedIssue]()
    for row_id, issue, scope, names, parents in _known(tx, ruleset, edit.connection_id):
        watched += 1
        if rule.predicate(subject_of(issue, scope, edit.connection_id, names, other_parents=parents)):
            matching[row_id] = _seen(row_id, issue, scope.name, new=row_id not in had)
    lost = had - matching.keys()
    return Preview(
        known=issues.count(tx, connection_id=edit.connection_id),
        watched=watched,
        matching=len(matching),
        gained=sum(one.new for one in matching.values()),
        let_go=len(lost),
        shown=_first(matching),
        lost=_lost(tx, lost),
        effects=_effects(tx, ruleset, rule, before, list(matching), now=now),
    )


def _compiled(edit: Edit) -> CompiledRule:
    predicate = compile_condition(edit.condition)
    return CompiledRule(
        revision_id=0,
        slug=edit.slug or "",
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        predicate=predicate if edit.enabled else compile_condition(MATCHES_NOTHING),
        scopes=possible_scopes(edit.condition) if edit.enabled else frozenset(),
        terms=necessary_terms(edit.condition),
        pending=False,
    )


def _known(
    tx: Connection, ruleset: Ruleset, connection_id: int
) -> Iterator[tuple[int, Issue, Scope, TermNames, frozenset[str]]]:
    """Yield each known issue that rules match against (see `link_issues.wanted_links`), with the names it needs.

    The last are other keys of its parent.
    """
    scopes: dict[ScopeRef | None, Scope | None] = {None: None}
    after = 0
    while held := issues.read_chunk(tx, connection_id=connection_id, after=after, limit=CHUNK):
        after = held[-1].id
        known = [(one.id, one.issue) for one in held if one.issue and one.issue.gone_reason is None and one.issue.state]
        names = TermNames.read(tx, {key for _, one in known for key in keys_of(connection_id, one)})
        parents = other_parents(tx, connection_id, (one for _, one in known))
        for row_id, one in known:
            if one.scope not in scopes and one.scope is not None:
                scopes[one.scope] = ruleset.scope_of(connection_id, one.scope)
            scope = scopes[one.scope]
            if scope is not None:
                others = parents.get((one.parent_identity, one.parent_key or ""), frozenset())
                yield row_id, one, scope, names, others


def _seen(row_id: int, issue: Issue, scope: str, *, new: bool) -> MatchedIssue:
    return MatchedIssue(
        id=row_id,
        key=issue.key,
        title=issue.title,
        url=issue.url,
        state=issue.state,
        scope=scope,
        new=new,
    )


def _first(matching: Mapping[int, MatchedIssue]) -> list[MatchedIssue]:
    """Return the first few matching issues: those that are new to the rule, then the latest."""
    return sorted(matching.values(), key=lambda one: (not one.new, -one.id))[:SHOWN]


def _lost(tx: Connection, row_ids: Iterable[int]) -> list[MatchedIssue]:
    """Return the first few issues that the rule would no longer link, the latest first."""
    held = issues.read(tx, sorted(row_ids, reverse=True)[:SHOWN])
    return [
        _seen(one.id, one.issue, one.issue.scope.name if one.issue.scope else "", new=False)
        for one in held
        if one.issue
    ]


def _effects(
    tx: Connection,
    ruleset: Ruleset,
    rule: CompiledRule,
    before: Sequence[CompiledRule],
    matching: Sequence[int],
    *,
    now: datetime,
) -> list[Effect]:
    """Compute the key results of the rule as it is and as it would be."""
    replaced = {one.revision_id for one in before}
    others = [one for one in ruleset.rules.rules if one.revision_id not in replaced]
    supposed = PreviewLinks(without=replaced, key_result_id=rule.key_result_id, issue_ids=matching)
    touched = key_results.read(tx, {rule.key_result_id, *(one.key_result_id for one in before if not one.pending)})
    edited_ruleset = with_rules(tx, ruleset, [*others, rule])
    computed = {
        one.key_result.id: one for one in compute_states(tx, edited_ruleset, touched, {}, now=now, supposed=supposed)
    }
    return [_effect(one, computed.get(one.id)) for one in touched]


def _effect(one: KeyResult, computed: Computed | None) -> Effect:
    """Return the change of a key result; one in a frozen cycle stays as it is."""
    differs = computed is not None and computed.value != computed.state.value
    return Effect(
        slug=one.slug,
        before=one.state,
        after=computed.state if computed else one.state,
        explanation=computed.explanation if computed else one.explanation,
        computed=(one.computed, computed.value) if computed and differs else None,
    )
