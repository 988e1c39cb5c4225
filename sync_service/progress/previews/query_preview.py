"""Preview a rule's query from what the tracker answered and what we know. Saves nothing, and asks nobody.

Values are known only where the tracker showed every match and all of them are known here: then the key results are
computed from the links that would follow, by the code that computes them after a listing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import compile_condition
from sync_service.domain.rules.rule_index import CompiledRule, necessary_terms
from sync_service.domain.text import counted
from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.queries import FoundIssue, QueryAnswer, QueryReply
from sync_service.progress.compute import compute_states
from sync_service.progress.previews.matching.known_issues import is_there
from sync_service.progress.previews.rule_preview import Effect, effect_of
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, linked_issues, links
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.rules import MATCHES_NOTHING
from sync_service.store.okrs.ruleset import Ruleset, load_ruleset, with_rules
from sync_service.store.trackers import issues


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryEdit:
    """A rule with a query as somebody edits it. `slug` is None for a new rule."""

    slug: str | None
    connection_id: int
    key_result_id: int
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedIssue:
    """An issue that the tracker finds. `known`: it is stored here; `counts`: it counts toward the key result now."""

    key: str
    title: str
    url: str
    state: State | None
    known: bool
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPreview:
    """What a query would do. The tracker finds `answer.count` issues; `shown` are its first, newest first.

    Of these, `new` do not count toward the key result yet, and `unknown` are not stored here. `let_go` issues would no
    longer be linked by the rule; None while not all matches are known. `effects` are empty where the values can't be
    known before the query is listed, and `unknown_effect` says why.
    """

    answer: QueryAnswer
    shown: Sequence[ListedIssue]
    new: int
    unknown: int
    let_go: int | None = None
    effects: Sequence[Effect] = field(default_factory=tuple)
    unknown_effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedQuery:
    """What became of asking about a query, and what saving it would do where the tracker answered."""

    reply: QueryReply
    preview: QueryPreview | None = None


def preview_query(tx: Connection, edit: QueryEdit, answer: QueryAnswer, *, now: datetime) -> QueryPreview:
    """Return what saving a query would do now, given what the tracker answered about it."""
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    ids = _known(tx, ruleset, edit.connection_id, answer.first)
    counting = linked_issues.counting(tx, edit.key_result_id, ids.values())
    shown = [_listed(one, ids.get(one.identity), counting) for one in answer.first]
    reason = _why_unknown(answer, shown)
    new, unknown = sum(not one.counts for one in shown), sum(not one.known for one in shown)
    if reason:
        return QueryPreview(answer=answer, shown=shown, new=new, unknown=unknown, unknown_effect=reason)
    effects, let_go = _effects(tx, ruleset, edit, list(ids.values()), now)
    return QueryPreview(answer=answer, shown=shown, new=new, unknown=unknown, let_go=let_go, effects=effects)


def _known(tx: Connection, ruleset: Ruleset, connection_id: int, found: Sequence[FoundIssue]) -> dict[str, int]:
    """Return the row ids of the issues that rules of a connection can link now, by identity."""
    rows = issues.read_named(tx, connection_id, [one.identity for one in found])
    return {
        row.issue.identity: row.id
        for row in rows
        if row.issue and is_there(row.issue) and row.issue.scope and ruleset.scope_of(connection_id, row.issue.scope)
    }


def _listed(one: FoundIssue, row_id: int | None, counting: Collection[int]) -> ListedIssue:
    return ListedIssue(
        key=one.key,
        title=one.title,
        url=one.url,
        state=one.state,
        known=row_id is not None,
        counts=row_id in counting,
    )


def _why_unknown(answer: QueryAnswer, shown: Sequence[ListedIssue]) -> str | None:
    """Return why the values after saving can't be known yet; None when they can."""
    if answer.incomplete_reason:
        return answer.incomplete_reason
    if not answer.whole:
        return f"only the first {len(shown)} matches were read; all are listed once the rule is saved"
    unknown = sum(not one.known for one in shown)
    return f"{counted(unknown, 'issue')} {'is' if unknown == 1 else 'are'} unknown before listing" if unknown else None


def _effects(
    tx: Connection, ruleset: Ruleset, edit: QueryEdit, matching: Sequence[int], now: datetime
) -> tuple[list[Effect], int]:
    """Return the effects on key results, and how many issues the rule would let go."""
    before = [one for one in ruleset.rules.rules if edit.slug is not None and one.slug == edit.slug]
    replaced = {one.revision_id for one in before}
    others = [one for one in ruleset.rules.rules if one.revision_id not in replaced]
    active = [one for one in before if not one.pending]
    touched = key_results.read(tx, {edit.key_result_id, *(one.key_result_id for one in active)})
    supposed = PreviewLinks(without=replaced, key_result_id=edit.key_result_id, issue_ids=matching)
    changed = with_rules(tx, ruleset, [*others, _compiled(edit)])
    states = compute_states(tx, changed, touched, {}, now=now, supposed=supposed)
    computed = {one.key_result.id: one for one in states}
    linked = links.of_revisions(tx, [one.revision_id for one in active])
    return [effect_of(one, computed.get(one.id)) for one in touched], len(linked - set(matching))


def _compiled(edit: QueryEdit) -> CompiledRule:
    return CompiledRule(
        revision_id=0,
        slug=edit.slug or "",
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        predicate=compile_condition(MATCHES_NOTHING),
        scopes=None,
        terms=necessary_terms({}),
        pending=False,
        query=edit.query,
    )
