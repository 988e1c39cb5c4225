"""Try an issue: for each rule of its connection, why it matches or not, condition by condition. Saves nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.conditions import RuleError, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.requirements import Reason, reason
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.issue import Issue
from sync_service.progress.previews.matching.seen_issue import SeenIssue
from sync_service.progress.rule_subjects import Parents, accounts_at, subject_of
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.engine import versions
from sync_service.store.okrs import links, query_members
from sync_service.store.okrs.compiled_rules import RuleContexts
from sync_service.store.okrs.links import Links
from sync_service.store.okrs.ruleset import Ruleset, Tracker, load_ruleset
from sync_service.store.trackers import issues, known_keys
from sync_service.store.views.rules import RuleView, rule_views

LONGEST = 2000
"""Most characters of a key or an address."""


EVERY = slice(None)
"""All rules of a connection."""


class UnknownIssueError(ValueError):
    """No known issue is meant; the message says why, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedCondition:
    """Whether a condition holds for an issue. `group` is `all`, `any` or `none`; None: a test of one field.

    `found` is what the issue has in that field, as rules compare it; None where it can't be shown. `why` says more: of
    `under`, by which ancestor it was found, and where the chain of ancestors ends.
    """

    holds: bool
    words: str
    group: str | None
    found: Sequence[str] | None
    members: Sequence["TestedCondition"]
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRule:
    """A rule tried on an issue. `holds` is what its condition or query says of the issue; None: nobody knows.

    `links` says whether the rule links the issue now, and `why_not` why it does not although its condition holds.
    """

    slug: str
    key_result: str
    words: str
    query: str | None
    holds: bool | None
    links: bool
    why_not: str | None
    tested: TestedCondition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedIssue:
    """An issue with the rules of its connection. `unmatched` says why no rule is asked about it at all.

    `total` counts them; `rules` are those that were asked for, those that hold first. `serves` are the key results that
    it is linked to, each with the origins of these links.
    """

    connection: str
    key: str
    title: str
    url: str
    state: str | None
    unmatched: str | None
    serves: Mapping[str, Sequence[str]]
    total: int
    rules: Sequence[TriedRule]


def try_issue(
    tx: Transaction, written: str, connectors: Mapping[str, Connector], *, shown: slice = EVERY
) -> list[TriedIssue]:
    """Return what the rules say of an issue, given by key, `CONNECTION:KEY` or address; once for each connection.

    `shown` says which of the rules are wanted condition by condition.
    Raise `UnknownIssueError` when no known issue is meant.
    """
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    found = _find(tx, ruleset, written.strip()[:LONGEST], connectors)
    views = rule_views(tx)
    return [_Trial(tx, ruleset, tracker, row_id, key).result(views, shown) for tracker, row_id, key in found]


def _find(
    tx: Transaction, ruleset: Ruleset, written: str, connectors: Mapping[str, Connector]
) -> list[tuple[Tracker, int, str]]:
    """Return the issue that is meant at each connection that knows it."""
    if not written:
        raise UnknownIssueError("write the key of an issue, or its web address")
    asked, refused, found = [], [], []
    named, colon, rest = written.partition(":")
    only = [one for one in ruleset.trackers.values() if colon and one.slug == named]
    for tracker in only or sorted(ruleset.trackers.values(), key=lambda one: one.slug):
        connector = connectors.get(tracker.site.kind)
        if connector is None:
            continue
        try:
            key = connector.normalize_key(rest if only else written, site=tracker.site.address)
        except ValueError as error:
            refused.append(f"{tracker.slug}: {error}")
            continue
        asked.append(tracker.slug)
        found += [(tracker, id_, key) for id_ in known_keys.issues_with_key(tx, tracker.id, key)[:1]]
    if found:
        return found
    if asked:
        raise UnknownIssueError(f"no issue {written!r} is known at {' or '.join(asked)}")
    raise UnknownIssueError("; ".join(refused) or "there is no connection to a tracker yet")


@dataclass(frozen=True, slots=True)
class _Trial:
    tx: Transaction
    ruleset: Ruleset
    tracker: Tracker
    row_id: int
    key: str

    def result(self, views: Sequence[RuleView], shown: slice) -> TriedIssue:
        """Return the issue with what rules of its connection say of it."""
        (row,) = issues.read(self.tx, [self.row_id])
        one = row.issue or Issue(identity="", key=self.key)
        unmatched, seen = self._unmatched(row.issue), self._seen(one)
        mine = links.read(self.tx, [self.row_id]).get(self.row_id, {})
        linking = self._rules(source for _, origin, source in mine if origin == "rule")
        members = self._rules(query_members.of_issues(self.tx, [self.row_id]).get(self.row_id, ()))
        contexts = RuleContexts.read(self.tx)
        mine_views = [
            (view, contexts.of(self.tracker.id, view.key_result_id))
            for view in views
            if view.connection == self.tracker.slug
        ]
        held = [(view, context, _holds(view, seen, members, context)) for view, context in mine_views]
        held.sort(key=lambda each: (not each[2], each[0].slug))
        return TriedIssue(
            connection=self.tracker.slug,
            key=one.key,
            title=one.title,
            url=one.url,
            state=one.state,
            unmatched=unmatched,
            serves=self._serves(mine, linking),
            total=len(held),
            rules=[
                _tried(
                    view,
                    None if view.query or seen is None else tested_condition(view.condition, seen, context),
                    holds=holds,
                    linked=view.slug in linking.values(),
                    unmatched=unmatched,
                )
                for view, context, holds in held[shown]
            ],
        )

    def _rules(self, revision_ids: Iterable[int]) -> dict[int, str]:
        """Return the slugs of rules whose revisions are in force."""
        known = self.ruleset.rules.by_revision
        return {id_: known[id_].slug for id_ in revision_ids if id_ in known and not known[id_].pending}

    def _serves(self, mine: Links, linking: Mapping[int, str]) -> dict[str, list[str]]:
        slugs = links.key_result_slugs(self.tx, {key_result_id for key_result_id, _, _ in mine})
        serves: dict[str, list[str]] = {}
        for key_result_id, origin, source in sorted(mine):
            if origin != "rule" or source in linking:
                why = f"rule {linking[source]}" if origin == "rule" else origin
                serves.setdefault(slugs[key_result_id], []).append(why)
        return serves

    def _unmatched(self, one: Issue | None) -> str | None:
        if one is None or (one.state is None and one.gone_reason is None):
            return "the tracker has not shown this issue yet"
        if one.gone_reason is not None:
            return f"the issue is gone: {one.gone_reason}"
        if one.scope is None or self.ruleset.scope_of(self.tracker.id, one.scope) is None:
            return self.ruleset.why_unwatched(self.tracker.id, one.scope) if one.scope else "its scope is not known"
        return None

    def _seen(self, one: Issue) -> "SeenIssue | None":
        scope = self.ruleset.scope_of(self.tracker.id, one.scope) if one.scope else None
        if scope is None:
            return None
        names = TermNames.read(self.tx, set(keys_of(self.tracker.id, one)))
        parents = Parents.read(self.tx, self.ruleset, self.tracker.id, [one])
        people = accounts_at(self.ruleset, self.tracker.id)
        custom = self.tracker.fields
        subject = subject_of(one, scope, self.tracker.id, names, people, parents=parents, custom=custom)
        return SeenIssue(subject, one.key, parents.chain(one), self.ruleset, self.tracker.id)


def _holds(view: RuleView, seen: SeenIssue | None, members: Mapping[int, str], context: RuleContext) -> bool | None:
    """Return what a rule's condition or query says of an issue; None: unknown."""
    if view.query:
        return view.slug in members.values()
    try:
        return None if seen is None else compile_condition(view.condition, (), context)(seen.subject)
    except RuleError:
        return None  # its connection does not allow it any more


def _tried(
    view: RuleView, tested: TestedCondition | None, *, holds: bool | None, linked: bool, unmatched: str | None
) -> TriedRule:
    return TriedRule(
        slug=view.slug,
        key_result=view.key_result,
        words=view.words,
        query=view.query,
        holds=holds,
        links=linked,
        why_not=_why_not(view, holds=holds, unmatched=unmatched) if not linked else None,
        tested=tested,
    )


_NOT_LINKING = {
    RuleState.DISABLED: "the rule is disabled",
    RuleState.DRAFT: "the rule is a draft",
    RuleState.PROPOSING: "the rule only proposes links",
}


def _why_not(view: RuleView, *, holds: bool | None, unmatched: str | None) -> str | None:
    """Return why a rule does not link an issue, apart from its condition; None: its condition says it."""
    if unmatched:
        return unmatched
    if view.state in _NOT_LINKING:
        return _NOT_LINKING[view.state]
    if view.query and not holds:
        return "the query did not find it when it was last asked"
    return "its links are made in a moment" if holds else None


def tested_condition(condition: Mapping[str, Any], seen: SeenIssue, context: RuleContext) -> TestedCondition | None:
    """Return why a valid condition holds for an issue or not, in words; None where its connection does not allow it."""
    try:
        return _in_words(reason(condition, seen.subject, context), seen)
    except RuleError:
        return None


def _in_words(one: Reason, seen: SeenIssue) -> TestedCondition:
    return TestedCondition(
        holds=one.holds,
        words=describe(one.condition),
        group=one.group,
        found=None if one.group else seen.found(one.condition["field"]),
        members=[_in_words(each, seen) for each in one.members],
        why=None if one.group else seen.why(one.condition),
    )
