"""Fields that a column alone gives: a test of them needs no subject for each issue, which would take longer.

The other fields (scope, parents, people) follow from more than their column: `subject_of` makes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Predicate, Subject
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


@dataclass(frozen=True, slots=True)
class PlainFields:
    """Converts columns to fields."""

    tx: Connection
    connection_id: int

    def of_column(self, column: str, values: Sequence[Any]) -> tuple[str, Iterable[object]]:
        """Return the field that a column gives, and its values."""
        if column == "kind":
            return column, (value or Kind.ISSUE.value for value in values)
        if column == "state":
            return column, values
        if column in _TEXTS:
            return column, (folded(value or "") for value in values)
        if column == "milestone":
            named = self._named(TermKind.MILESTONE)
            return column, (named(value) if value else "" for value in values)
        field, kind = _TERMS[column]
        named = self._named(kind)
        return field, (
            frozenset(filter(None, map(named, ids))) if ids else _NONE for ids in value_counts.parsed(values)
        )

    def _named(self, kind: TermKind) -> Callable[[str], str]:
        """Return how the id of a term becomes its name, folded; empty where it was deleted."""
        names = value_counts.term_names(self.tx, self.connection_id, kind)
        return cache(lambda id_: folded(names.get(id_, id_) or ""))


_NONE: frozenset[str] = frozenset()


def tested_plainly(
    predicate: Predicate, fields: PlainFields, columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> Iterator[bool]:
    """Yield whether a test holds for each combination of values of columns. One subject is used for all of them."""
    converted = [fields.of_column(name, [each[at] for each in values]) for at, name in enumerate(columns)]
    setters = [getattr(Subject, field).__set__ for field, _ in converted]
    subject = Subject(scope="", kind="", state="")
    for each in zip(*(one for _, one in converted), strict=True):
        for store, value in zip(setters, each, strict=True):
            store(subject, value)
        yield predicate(subject)
