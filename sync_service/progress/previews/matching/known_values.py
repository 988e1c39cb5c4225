"""Values in a condition that no issue has, each with the nearest known values: a typo is not a zero."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import FIELD_CHOICES
from sync_service.domain.rules.requirements import Path, leaves
from sync_service.domain.rules.rule_index import EQUALITIES
from sync_service.domain.text import folded
from sync_service.progress.ancestors.ancestor_counts import AncestorCounts
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import value_counts

NEAREST = 3
"""Most values that are suggested."""

CLOSE = 0.6
"""Values are near from this likeness on: 1 is the same text."""


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value of a field as the tracker writes it, and how many issues have it."""

    value: str
    issues: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownValue:
    """A value in a condition, at `path`, that no known issue has; `known`: the tracker has it, on no issue yet."""

    path: Path
    field: str
    value: str
    known: bool
    nearest: Sequence[KnownValue]


def unknown_values(
    tx: Connection,
    ruleset: Ruleset,
    connection_id: int,
    condition: Mapping[str, Any],
    read: Mapping[str, Sequence[Any]] | None = None,
) -> list[UnknownValue]:
    """Return the values of a valid condition that no issue of a connection has, in its order.

    `read` are columns of its issues that were read already.
    """
    counts = _Counts(tx, ruleset, connection_id, read)
    found = []
    for path, name, value in _equal_values(condition):
        others = counts.of(name, value)
        unknown = _unknown(path, name, value, others) if others is not None else None
        found += [unknown] if unknown else []
    return found


@dataclass(slots=True)
class _Counts:
    """Counts the issues with each value of a field, once for each field."""

    tx: Connection
    ruleset: Ruleset
    connection_id: int
    read: Mapping[str, Sequence[Any]] | None
    _counted: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _ancestors: AncestorCounts | None = None

    def of(self, name: str, value: str) -> Mapping[str, int] | None:
        """Return how many issues have each value of a field; None where an issue has this one."""
        if name == "under":
            self._ancestors = self._ancestors or AncestorCounts.read(self.tx, self.ruleset, self.connection_id)
            return self._ancestors.of_others(value)
        if self.read and value_counts.on_some_issue(self.tx, self.connection_id, name, value, self.read):
            return None
        if name not in self._counted:
            self._counted[name] = value_counts.of_field(self.tx, self.connection_id, name, self.read)
        return self._counted[name]


def _equal_values(condition: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Yield the whole values that a condition compares with, each with the path to it and its field."""
    for path, leaf in leaves(condition):
        field = leaf["field"]
        counted = field in (*value_counts.FIELDS, "under") or value_counts.is_custom(field)
        for operator in leaf.keys() & set(EQUALITIES) if counted else ():
            values = leaf[operator] if isinstance(leaf[operator], list) else [leaf[operator]]
            for value in values:
                if isinstance(value, str) and field not in FIELD_CHOICES:
                    yield (*path, operator), field, value.strip()


def _unknown(path: Path, field: str, value: str, counts: Mapping[str, int]) -> UnknownValue | None:
    same = [name for name in counts if folded(name) == folded(value)]
    if any(counts[name] for name in same):
        return None
    near = [KnownValue(name, counts[name]) for name in nearest(value, counts.keys() - same, counts)]
    return UnknownValue(path=path, field=field, value=value, known=bool(same), nearest=near)


def nearest(value: str, names: Collection[str], counts: Mapping[str, int]) -> list[str]:
    """Return the nearest names, best first; of equally near ones, the more frequent."""
    likeness = {name: one for name, one in _likenesses(folded(value), names) if one >= CLOSE}
    ordered = sorted(likeness, key=lambda name: (-likeness[name], -counts[name], name))
    return ordered[:NEAREST]


def _likenesses(value: str, names: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield how like each name is to a value, letter by letter; a name that contains it is near too."""
    matcher = SequenceMatcher(b=value, autojunk=False)
    for name in names:
        other = folded(name)
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= CLOSE and matcher.quick_ratio() >= CLOSE:
            yield name, matcher.ratio()
        elif len(value) >= 3 and (value in other or (other in value and len(other) >= 3)):
            yield name, CLOSE
