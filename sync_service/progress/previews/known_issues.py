"""Match all known issues of a connection against a condition, requirement by requirement.

Only the columns that the condition needs are read, and each combination of their values is tested once: of a hundred
thousand issues, most have the same labels and the same state as others. A condition that needs more than columns (a
field or an operator that `_COLUMNS` does not name) is tested on whole issues, in chunks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import or_
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.requirements import Requirement, Requirements, leaves
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.progress.previews.plain_fields import PLAIN_FIELDS, PlainFields, tested_plainly
from sync_service.progress.rule_subjects import accounts_at, other_parents, subject_of
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.okrs.ruleset import Ruleset, Scope
from sync_service.store.trackers import issue_columns, issues

CHUNK = 2000
"""Whole issues in memory at a time."""

_OPERATORS = frozenset(["is", "has", "in", "contains", "matches"])
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "scope": issue_columns.SCOPE,
    "kind": ("kind",),
    "state": ("state",),
    "type": ("type",),
    "title": ("title",),
    "milestone": ("milestone",),
    "parent": ("parent_key", "parent_identity"),
    "priority": ("priority",),
    "resolution": ("resolution",),
    "author": ("author",),
    "labels": ("labels",),
    "components": ("components",),
    "versions": ("versions",),
    "sprint": ("sprints",),
    "assignee": ("assignees",),
}
"""The columns that a test of a field needs."""


@dataclass(frozen=True, slots=True)
class KnownIssues:
    """The known issues that are in watched scopes, by row id, newest first; `holding` are the requirements of each.

    `known` counts those in other scopes too. `columns` are those that were read of them, by name.
    """

    known: int
    ids: Sequence[int]
    holding: Sequence[int]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict, compare=False)

    def matching(self, wanted: Requirements) -> list[int]:
        """Return the issues for which the whole condition holds."""
        match = {held: wanted.matches(held) for held in set(self.holding)}
        return [id_ for id_, held in zip(self.ids, self.holding, strict=True) if match[held]]


def known_issues(tx: Connection, ruleset: Ruleset, connection_id: int, wanted: Requirements) -> KnownIssues:
    """Return which requirements hold for each known issue of a connection."""
    matching = _Matching(tx, ruleset, connection_id)
    if all(_columns_of(one.condition) for one in wanted.each):
        return matching.by_columns(wanted)
    return matching.whole(wanted)


def _columns_of(condition: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that a condition needs; none where it needs whole issues."""
    needed: dict[str, None] = {}
    for _, leaf in leaves(condition):
        if leaf["field"] not in _COLUMNS or not leaf.keys() <= _OPERATORS | {"field"}:
            return ()
        needed |= dict.fromkeys(_COLUMNS[leaf["field"]])
    return tuple(needed)


@dataclass(frozen=True, slots=True)
class _Matching:
    tx: Connection
    ruleset: Ruleset
    connection_id: int

    def by_columns(self, wanted: Requirements) -> KnownIssues:
        """Return which requirements hold, from the columns that they need."""
        needed = [_columns_of(one.condition) for one in wanted.each]
        names = list(dict.fromkeys([*issue_columns.SCOPE, *(name for columns in needed for name in columns)]))
        every = issue_columns.read(self.tx, self.connection_id, names)
        watched = {ref: self._scope(issue_columns.scope_ref(*ref)) for ref in {row[1:3] for row in every}}
        rows = every if None not in watched.values() else [row for row in every if watched[row[1:3]] is not None]
        ids, *lists = zip(*rows, strict=True) if rows else ((), *([()] * len(names)))
        read = dict(zip(names, lists, strict=True))
        holding = [0] * len(rows)
        for number, (one, columns) in enumerate(zip(wanted.each, needed, strict=True)):
            values = read[columns[0]] if len(columns) == 1 else list(zip(*map(read.get, columns), strict=True))
            distinct = set(values)
            found = dict(zip(distinct, self._tested(one, columns, distinct), strict=True))
            bits = {value: held << number for value, held in found.items()}
            holding = list(map(or_, holding, map(bits.__getitem__, values)))
        return KnownIssues(len(every), list(ids), holding, read)

    def whole(self, wanted: Requirements) -> KnownIssues:
        """Return which requirements hold, from whole issues."""
        known, ids, holding, after = 0, list[int](), list[int](), 0
        while held := issues.read_chunk(self.tx, connection_id=self.connection_id, after=after, limit=CHUNK):
            after = held[-1].id
            there = [(one.id, one.issue) for one in held if one.issue and is_there(one.issue)]
            scopes = [self._scope(one.scope) for _, one in there]
            watched = [(id_, one, scope) for (id_, one), scope in zip(there, scopes, strict=True) if scope]
            subjects = self._subjects([(one, scope) for _, one, scope in watched])
            known += len(there)
            ids += [id_ for id_, _, _ in watched]
            holding += [_holding(wanted, subject) for subject in subjects]
        return KnownIssues(known, ids[::-1], holding[::-1])

    def _tested(self, one: Requirement, columns: Sequence[str], values: Collection[Any]) -> Iterable[bool]:
        """Return whether a requirement holds for each combination of values."""
        each = [(value,) for value in values] if len(columns) == 1 else list(values)
        fields = {leaf["field"] for _, leaf in leaves(one.condition)}
        if fields <= PLAIN_FIELDS:
            return tested_plainly(one.predicate, PlainFields(self.tx, self.connection_id), columns, each)
        named = [dict(zip(columns, value, strict=True)) for value in each]
        scopes = [self._scope_of(each) for each in named]
        return map(one.predicate, self._subjects(zip(map(issue_columns.as_issue, named), scopes, strict=True)))

    def _subjects(self, found: Iterable[tuple[Issue, Scope]]) -> list[Subject]:
        """Return issues as rules see them."""
        held = list(found)
        names = TermNames.read(self.tx, {key for one, _ in held for key in keys_of(self.connection_id, one)})
        parents = other_parents(self.tx, self.connection_id, (one for one, _ in held))
        people = accounts_at(self.ruleset, self.connection_id)
        return [
            subject_of(
                one,
                scope,
                self.connection_id,
                names,
                people,
                other_parents=parents.get((one.parent_identity, one.parent_key or ""), frozenset()),
            )
            for one, scope in held
        ]

    def _scope(self, ref: ScopeRef | None) -> Scope | None:
        return self.ruleset.scope_of(self.connection_id, ref) if ref else None

    def _scope_of(self, columns: Mapping[str, Any]) -> Scope:
        """Return the scope of an issue; any where the columns name none: then no test needs it."""
        ref = issue_columns.scope_ref(*(columns.get(name) for name in issue_columns.SCOPE))
        return self._scope(ref) or _ANY_SCOPE


_ANY_SCOPE = Scope(id=0, connection_id=0, name="", external_id=None, covered=True)


def is_there(one: Issue) -> bool:
    """Return whether rules match an issue at all: it is not gone, and its state is known."""
    return one.gone_reason is None and one.state is not None


def _holding(wanted: Requirements, subject: Subject) -> int:
    return sum(1 << number for number, one in enumerate(wanted.each) if one.predicate(subject))
