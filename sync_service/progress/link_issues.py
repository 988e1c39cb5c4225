"""Derive the links of issues from rules, queries, `okr:` labels, comments and manual links."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection, Row

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.rules.rule_index import CompiledRule
from sync_service.domain.trackers.causes import UNSPECIFIED_CHANGE, Cause
from sync_service.domain.trackers.issue import Issue
from sync_service.progress.comment_links import comment_that_counts, describe_comment
from sync_service.progress.comment_links import requested_key_results as asked_key_results
from sync_service.progress.link_changes.change_text import Rules, SourceNames, is_pending, link_change
from sync_service.progress.rule_subjects import NO_PARENTS, Parents, accounts_at, subject_of
from sync_service.progress.term_names import TermNames
from sync_service.store.jobs import write_backs
from sync_service.store.okrs import link_decisions, links, query_members
from sync_service.store.okrs.link_decisions import Decided
from sync_service.store.okrs.links import Links
from sync_service.store.okrs.ruleset import Ruleset, Scope
from sync_service.store.trackers import known_keys, link_comments

LABEL = "okr:"
"""A label with this prefix names the key result its issue counts toward."""


@dataclass(frozen=True, slots=True)
class IssueChange:
    """One change of an issue, and whether a measure could see it."""

    cause: Cause
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkInput:
    """A locked issue whose links are to be derived again, with its changes; without any, with possible reasons."""

    row_id: int
    connection_id: int
    issue: Issue
    scope: Scope | None
    changes: tuple[IssueChange, ...] = ()
    reasons: Sequence[RelinkReason] = ()

    @property
    def scope_names(self) -> list[str]:
        """The configured and the present name of the issue's watched scope."""
        return [name for name in (self.scope.name, self.scope.current_name) if name] if self.scope else []


def matching_rules(ruleset: Ruleset, entry: LinkInput, subject: Subject) -> list[CompiledRule]:
    """Return the rules that match the entry's issue."""
    return ruleset.rules.matching(entry.connection_id, subject)


def known_entries(
    ruleset: Ruleset, connection_id: int, known: Iterable[tuple[int, Issue]], *, reasons: Sequence[RelinkReason]
) -> list[LinkInput]:
    """Return locked issues of a connection, by row id, as entries whose links are derived again for some reasons."""
    return [
        LinkInput(
            row_id=row_id,
            connection_id=connection_id,
            issue=one,
            scope=ruleset.scope_of(connection_id, one.scope) if one.scope else None,
            reasons=reasons,
        )
        for row_id, one in known
    ]


@dataclass(frozen=True, slots=True)
class LinkSources:
    """What links of issues follow from beside the rules: manual links, queries, comments, parents, decisions."""

    manual: Mapping[int, Sequence[Row[Any]]]
    found_by: Mapping[int, Collection[int]]
    requested: Mapping[int, Sequence[Row[Any]]]
    parents: Mapping[int, Parents]
    decided: Mapping[int, Decided]

    @classmethod
    def read(cls, tx: Connection, ruleset: Ruleset, entries: Sequence[LinkInput]) -> "LinkSources":
        """Read them for some issues."""
        return cls(
            _manual_links(tx, entries),
            _found_by(tx, ruleset, entries),
            _asked_by_comments(tx, entries),
            _parents(tx, ruleset, entries),
            _decided(tx, ruleset, entries),
        )

    def wanted(self, ruleset: Ruleset, entry: LinkInput, names: TermNames, *, had: Links, now: datetime) -> Links:
        """Return the links that an issue that `had` these should have now.

        There are none where the issue is gone or its scope is not watched.
        """
        issue, scope, row_id = entry.issue, entry.scope, entry.row_id
        if scope is None or issue.gone_reason is not None or issue.state is None:
            return {}
        parents = self.parents.get(entry.connection_id, NO_PARENTS)
        people = accounts_at(ruleset, entry.connection_id)
        fields = ruleset.trackers[entry.connection_id].fields
        subject = subject_of(issue, scope, entry.connection_id, names, people, parents=parents, custom=fields)
        queries = [ruleset.rules.queries[one] for one in self.found_by.get(row_id, ()) if one in ruleset.rules.queries]
        decided = self.decided.get(row_id, {})
        kept = ruleset.rules.undecided(subject, (key[2] for key in had if key[1] in ("rule", links.PROPOSED)))
        wanted: Links = {
            (rule.key_result_id, origin, rule.revision_id): 1.0
            for rule in (*matching_rules(ruleset, entry, subject), *queries, *kept)
            if (origin := rule.origin(decided)) is not None
        }
        named = partial(ruleset.named, now=now, held={key[0] for key in had if key[1] in ("label", "comment")})
        for label in subject.labels:
            if label.startswith(LABEL):
                wanted |= {(one, "label", 0): 1.0 for one in named(label.removeprefix(LABEL).strip())}
        comment = comment_that_counts(ruleset, entry.connection_id, self.requested.get(row_id, ()))
        if comment is not None:
            wanted |= {(one, "comment", comment.id): 1.0 for one in asked_key_results(comment, named)}
        for row in self.manual.get(row_id, ()):
            wanted[row.key_result_id, "manual", row.id] = row.weight
        return wanted


def relink(
    tx: Connection, ruleset: Ruleset, entries: Sequence[LinkInput], names: TermNames, *, now: datetime
) -> dict[int, list[Cause]]:
    """Derive the links of locked issues again; return the touched key results, each with its causes."""
    before = links.read(tx, [entry.row_id for entry in entries])
    sources = LinkSources.read(tx, ruleset, entries)
    links.bind_manual(tx, sources.manual)
    changes: dict[int, tuple[Links, Links]] = {}
    touched: dict[int, list[Cause]] = defaultdict(list)
    rules = ruleset.rules.by_revision
    for entry in entries:
        had = before.get(entry.row_id, {})
        comments_here = sources.requested.get(entry.row_id, ())
        has = sources.wanted(ruleset, entry, names, had=had, now=now)
        source_names = SourceNames(
            rules, {row.id: describe_comment(ruleset, entry.connection_id, row) for row in comments_here}
        )
        if had != has:
            changes[entry.row_id] = (had, has)
        for key_result_id in _key_results(had, rules) | _key_results(has, rules):
            touched[key_result_id] += _causes(
                _every_change_counts(entry) if key_result_id in ruleset.conditional else entry,
                key_result_id,
                _of_key_result(had, key_result_id),
                _of_key_result(has, key_result_id),
                source_names,
            )
        for key_result_id in ruleset.step_issues.get((entry.connection_id, entry.issue.key.lower()), ()):
            touched[key_result_id] += [step.cause for step in entry.changes if step.counts]
    links.save(tx, changes)
    write_backs.request_after_linking(tx, _note_requests(ruleset, entries, changes, rules))
    return {key_result_id: causes for key_result_id, causes in touched.items() if causes}


def _every_change_counts(entry: LinkInput) -> LinkInput:
    """Return an entry all of whose changes count."""
    return replace(entry, changes=tuple(replace(one, counts=True) for one in entry.changes))


def _parents(tx: Connection, ruleset: Ruleset, entries: Sequence[LinkInput]) -> Mapping[int, Parents]:
    """Return what rules ask of the parents and ancestors of the issues, by connection."""
    rules = ruleset.rules
    return {
        id_: Parents.read(
            tx,
            ruleset,
            id_,
            (one.issue for one in entries if one.connection_id == id_),
            others=id_ in rules.connections_with_parents,
            under=id_ in rules.connections_with_ancestors,
        )
        for id_ in {one.connection_id for one in entries}
        & (rules.connections_with_parents | rules.connections_with_ancestors)
    }


def _decided(tx: Connection, ruleset: Ruleset, entries: Sequence[LinkInput]) -> Mapping[int, Decided]:
    """Return what was decided about the issues, by row id, where rules propose links."""
    found: dict[int, Decided] = {}
    for id_ in {one.connection_id for one in entries} & ruleset.rules.connections_with_proposals:
        mine = {one.issue.identity: one.row_id for one in entries if one.connection_id == id_}
        found |= {mine[identity]: one for identity, one in link_decisions.of_issues(tx, id_, list(mine)).items()}
    return found


def _found_by(tx: Connection, ruleset: Ruleset, entries: Sequence[LinkInput]) -> Mapping[int, Collection[int]]:
    queried = ruleset.rules.connections_with_queries
    requested = [entry.row_id for entry in entries if entry.connection_id in queried]
    return query_members.of_issues(tx, requested) if requested else {}


def _note_requests(
    ruleset: Ruleset, entries: Sequence[LinkInput], changes: Mapping[int, tuple[Links, Links]], rules: Rules
) -> list[tuple[int, str, str]]:
    """Return the issues that count toward other key results than before, where the connection writes notes."""
    return [
        (entry.connection_id, entry.issue.identity, entry.issue.key)
        for entry in entries
        if ruleset.trackers[entry.connection_id].writes_back
        and entry.issue.gone_reason is None
        and entry.row_id in changes
        and _key_results(changes[entry.row_id][0], rules) != _key_results(changes[entry.row_id][1], rules)
    ]


def _manual_links(tx: Connection, entries: Sequence[LinkInput]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for connection_id in sorted({entry.connection_id for entry in entries}):
        mine = [entry for entry in entries if entry.connection_id == connection_id]
        # Two issues may have the same key after it was used again: the one that still exists is meant.
        mine.sort(key=lambda entry: entry.issue.gone_reason is None)
        former = known_keys.former_keys(tx, connection_id, [entry.issue.identity for entry in mine])
        keys = {key: entry.row_id for entry in mine for key in former.get(entry.issue.identity, ())}
        keys |= {entry.issue.key.lower(): entry.row_id for entry in mine}
        found |= links.manual(tx, connection_id, [entry.row_id for entry in mine], keys)
    return found


def _asked_by_comments(tx: Connection, entries: Sequence[LinkInput]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for connection_id in sorted({entry.connection_id for entry in entries}):
        mine = {entry.issue.identity: entry.row_id for entry in entries if entry.connection_id == connection_id}
        requested = link_comments.of_issues(tx, connection_id, mine)
        found |= {mine[identity]: rows for identity, rows in requested.items()}
    return found


def _key_results(linked: Links, rules: Rules) -> set[int]:
    return {key[0] for key in linked if not is_pending(key, rules)}


def _of_key_result(linked: Links, key_result_id: int) -> Links:
    return {key: weight for key, weight in linked.items() if key[0] == key_result_id}


def _causes(entry: LinkInput, key_result_id: int, had: Links, has: Links, source_names: SourceNames) -> list[Cause]:
    """Return the changes that could have moved one key result; the last real change also says how the links changed."""
    causes = [step.cause for step in entry.changes if step.counts]
    change = link_change(had, has, source_names)
    if change is None:
        return causes
    if not entry.changes:
        return [_relinked(entry, key_result_id, origins=_changed_origins(had, has), change=change)]
    informative = [step.cause for step in entry.changes if step.cause.what != UNSPECIFIED_CHANGE]
    last = informative[-1] if informative else entry.changes[-1].cause
    before = [cause for cause in causes if cause is not last]
    what = last.what if entry.issue.gone_reason is not None else f"{last.what}, {change}"
    return [*before, replace(last, what=what)]


def _relinked(entry: LinkInput, key_result_id: int, *, origins: Collection[str], change: str) -> Cause:
    """Return the change of an issue's links as a cause, with those reasons that concern this key result."""
    issue = entry.issue
    why = [
        one.what
        for one in entry.reasons
        if one.concerns(issue, key_result=key_result_id, origins=origins, scopes=entry.scope_names)
    ]
    what = ", ".join(filter(None, ["; ".join(dict.fromkeys(why)), change]))
    return Cause(what=what, issue=issue.key, title=issue.title, url=issue.url)


def _changed_origins(had: Links, has: Links) -> set[str]:
    return {key[1] for key in had.keys() | has.keys() if had.get(key) != has.get(key)}
