"""Fields that a column alone gives: a test of them needs no subject for each issue, which would take longer.

The other fields (scope, parents, people) follow from more than their column: `subject_of` makes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.requirements import Leaf
from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import Kind, TermKind
from sync_service.store.trackers import value_counts

_TEXTS = frozenset(["type", "title", "priority", "resolution"])
_TERMS: Mapping[str, tuple[str, TermKind]] = {
    "labels": ("labels", TermKind.LABEL),
    "components": ("components", TermKind.COMPONENT),
    "versions": ("versions", TermKind.VERSION),
    "sprints": ("sprint", TermKind.SPRINT),
}
PLAIN_FIELDS = frozenset([*_TEXTS, "kind", "state", "milestone", *(field for field, _ in _TERMS.values())])

Tests = Sequence[tuple[int, Leaf]]
"""Tests of one field, each with its bit."""


@dataclass(frozen=True, slots=True)
class PlainFields:
    """Tests columns of issues of one connection."""

    tx: Connection
    connection_id: int

    def held(self, column: str, tests: Tests, values: Sequence[Any]) -> Iterable[int]:
        """Return which tests hold for each value of the column that gives their field."""
        if column in _TERMS:
            return self._held_by_terms(column, tests, values)
        return _held(column, tests, self._texts(column, values))

    def _texts(self, column: str, values: Sequence[Any]) -> Iterable[str]:
        if column == "kind":
            return (value or Kind.ISSUE.value for value in values)
        if column == "state":
            return values
        if column == "milestone":
            named = self._named(TermKind.MILESTONE)
            return (named(value) if value else "" for value in values)
        return (folded(value or "") for value in values)

    def _held_by_terms(self, column: str, tests: Tests, values: Sequence[Any]) -> Iterator[int]:
        """Yield which tests hold for each list of terms: those that hold for one of its terms, or for no term at all.

        No operator asks for several terms at once, so each term is tested once.
        """
        field, kind = _TERMS[column]
        held = _tester(field, tests)
        of_name: Callable[[str], int] = cache(lambda name: held(frozenset([name])))
        named, any_name, without = self._named(kind), 1 << max(bit for bit, _ in tests).bit_length(), held(_NONE)
        of_id: Callable[[str], int] = cache(lambda id_: any_name | of_name(named(id_)) if named(id_) else 0)
        for ids in value_counts.parsed(values):
            found = reduce(or_, map(of_id, ids), 0)
            yield found & ~any_name if found else without

    def _named(self, kind: TermKind) -> Callable[[str], str]:
        """Return how the id of a term becomes its name, folded; empty where it was deleted."""
        names = value_counts.term_names(self.tx, self.connection_id, kind)
        return cache(lambda id_: folded(names.get(id_, id_) or ""))


_NONE: frozenset[str] = frozenset()


def _held(field: str, tests: Tests, values: Iterable[object]) -> Iterator[int]:
    return map(_tester(field, tests), values)


def _tester(field: str, tests: Tests) -> Callable[[object], int]:
    """Return what tells which tests hold for a value of their field. One subject is used for all values."""
    subject = Subject(scope="", kind="", state="")
    store = getattr(Subject, field).__set__
    each = [(bit, one.predicate) for bit, one in tests]

    def held(value: object) -> int:
        store(subject, value)
        found = 0
        for bit, predicate in each:
            if predicate(subject):
                found |= bit
        return found

    return held
