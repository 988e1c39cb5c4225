"""Match all known issues of a connection against the tests of a condition.

Only the columns that the condition needs are read, and each test sees each value of its columns once: of a hundred
thousand issues, most have the same labels and the same state as others. A condition that needs more than columns (a
field or an operator that `_COLUMNS` does not name) is tested on whole issues, in chunks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import compress
from operator import or_
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.field_tests.custom_values import ALL_OPERATORS, PREFIX
from sync_service.domain.rules.requirements import Leaf, Requirements
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.progress.previews.matching.plain_fields import PLAIN_FIELDS, PlainFields
from sync_service.progress.rule_subjects import Parents, accounts_at, subject_of
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.okrs.ruleset import Ruleset, Scope
from sync_service.store.trackers import issue_columns, issues

CHUNK = 2000
"""Whole issues in memory at a time."""

_OPERATORS = frozenset(["is", "has", "in", "contains", "matches", *ALL_OPERATORS])
_CUSTOM = ("custom_fields",)
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "scope": issue_columns.SCOPE,
    "kind": ("kind",),
    "state": ("state",),
    "type": ("type",),
    "title": ("title",),
    "milestone": ("milestone",),
    "parent": ("parent_key", "parent_identity"),
    "under": ("parent_key", "parent_identity"),
    "priority": ("priority",),
    "resolution": ("resolution",),
    "author": ("author",),
    "labels": ("labels",),
    "components": ("components",),
    "versions": ("versions",),
    "sprint": ("sprints",),
    "assignee": ("assignees",),
    "created": ("created_at",),
    "started": ("started_at",),
    "closed": ("closed_at",),
}
"""The columns that a test of a field needs."""


@dataclass(frozen=True, slots=True)
class KnownIssues:
    """The known issues that are in watched scopes, by row id, newest first; `holding` are the tests that hold of each.

    `known` counts those in other scopes too. `columns` are those that were read of them, by name.
    """

    known: int
    ids: Sequence[int]
    holding: Sequence[int]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict, compare=False)

    def matching(self, wanted: Requirements) -> list[int]:
        """Return the issues for which the whole condition holds."""
        match = {held: wanted.matches(held) for held in set(self.holding)}
        return list(compress(self.ids, map(match.__getitem__, self.holding)))


def known_issues(tx: Connection, ruleset: Ruleset, connection_id: int, wanted: Requirements) -> KnownIssues:
    """Return which tests of a condition hold for each known issue of a connection."""
    matching = _Matching(tx, ruleset, connection_id)
    if all(_columns_of(one.condition) for one in wanted.leaves):
        return matching.by_columns(wanted)
    return matching.whole(wanted)


def _columns_of(leaf: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that a test needs; none where it needs whole issues."""
    columns = _CUSTOM if leaf["field"].startswith(PREFIX) else _COLUMNS.get(leaf["field"], ())
    return columns if leaf.keys() <= _OPERATORS | {"field"} else ()


_Tests = Sequence[tuple[int, Leaf]]
"""Tests of a condition, each with its bit."""


@dataclass(frozen=True, slots=True)
class _Matching:
    tx: Connection
    ruleset: Ruleset
    connection_id: int

    def by_columns(self, wanted: Requirements) -> KnownIssues:
        """Return which tests hold, from the columns that they need."""
        tests: dict[tuple[str, ...], list[tuple[int, Leaf]]] = defaultdict(list)
        for number, one in enumerate(wanted.leaves):
            tests[_columns_of(one.condition)].append((1 << number, one))
        known, ids, read = self._read(dict.fromkeys([*issue_columns.SCOPE, *(name for each in tests for name in each)]))
        held = []
        for columns, mine in tests.items():
            values = read[columns[0]] if len(columns) == 1 else list(zip(*map(read.get, columns), strict=True))
            held.append(self._held(columns, mine, values))
        return KnownIssues(known, list(ids), list(reduce(partial(map, or_), held)), read)

    def _read(self, names: Iterable[str]) -> tuple[int, Sequence[int], dict[str, Sequence[Any]]]:
        """Return how many issues are known, and row ids and columns of those in watched scopes."""
        rows = issue_columns.read(self.tx, self.connection_id, list(names))
        ids, *lists = zip(*rows, strict=True) if rows else ((), *([()] * len(list(names))))
        refs = set(zip(*lists[:2], strict=True))
        watched = {ref: self._scope(issue_columns.scope_ref(*ref)) is not None for ref in refs}
        if not all(watched.values()):
            kept = [watched[ref] for ref in zip(*lists[:2], strict=True)]
            ids, *lists = (tuple(compress(one, kept)) for one in (ids, *lists))
        return len(rows), ids, dict(zip(names, lists, strict=True))

    def _held(self, columns: Sequence[str], tests: _Tests, values: Sequence[Any]) -> Iterable[int]:
        """Return which of these tests hold for each of these values of their columns."""
        if columns == ("title",):  # most issues have one of their own
            return PlainFields(self.tx, self.connection_id).held(columns[0], tests, values)
        distinct = list(set(values))
        fields = _fields_of(tests)
        if fields <= PLAIN_FIELDS:
            found = PlainFields(self.tx, self.connection_id).held(columns[0], tests, distinct)
        else:
            found = (_holding(tests, subject) for subject in self._subjects_of(columns, distinct, fields))
        return map(dict(zip(distinct, found, strict=True)).__getitem__, values)

    def whole(self, wanted: Requirements) -> KnownIssues:
        """Return which tests hold, from whole issues."""
        tests = [(1 << number, one) for number, one in enumerate(wanted.leaves)]
        fields = _fields_of(tests)
        known, ids, holding, after = 0, list[int](), list[int](), 0
        while held := issues.read_chunk(self.tx, connection_id=self.connection_id, after=after, limit=CHUNK):
            after = held[-1].id
            there = [(one.id, one.issue) for one in held if one.issue and is_there(one.issue)]
            scopes = [self._scope(one.scope) for _, one in there]
            watched = [(id_, one, scope) for (id_, one), scope in zip(there, scopes, strict=True) if scope]
            subjects = self._subjects([(one, scope) for _, one, scope in watched], fields)
            known += len(there)
            ids += [id_ for id_, _, _ in watched]
            holding += [_holding(tests, subject) for subject in subjects]
        return KnownIssues(known, ids[::-1], holding[::-1])

    def _subjects_of(self, columns: Sequence[str], values: Sequence[Any], fields: Collection[str]) -> list[Subject]:
        """Return combinations of values of columns as rules see them."""
        each = [(value,) for value in values] if len(columns) == 1 else values
        named = [dict(zip(columns, value, strict=True)) for value in each]
        scopes = [self._scope_of(one) for one in named]
        return self._subjects(zip(map(issue_columns.as_issue, named), scopes, strict=True), fields)

    def _subjects(self, found: Iterable[tuple[Issue, Scope]], fields: Collection[str]) -> list[Subject]:
        """Return issues as rules see them in these fields."""
        held = list(found)
        names = TermNames.read(self.tx, {key for one, _ in held for key in keys_of(self.connection_id, one)})
        parents = Parents.read(
            self.tx,
            self.ruleset,
            self.connection_id,
            (one for one, _ in held),
            others="parent" in fields,
            under="under" in fields,
        )
        people = accounts_at(self.ruleset, self.connection_id)
        custom = self.ruleset.trackers[self.connection_id].fields
        return [
            subject_of(one, scope, self.connection_id, names, people, parents=parents, custom=custom)
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


def _fields_of(tests: _Tests) -> set[str]:
    """Return the fields that the conditions of tests name."""
    return {one.condition["field"] for _, one in tests}


def _holding(tests: _Tests, subject: Subject) -> int:
    return sum(bit for bit, one in tests if one.predicate(subject))
