"""The ancestors of issues: each issue's parent, the parent's parent, and so on, at all connections to one site.

They are followed when an issue is matched, level by level for all issues of a batch, and kept nowhere (ADR 68).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.engine import Connection

from sync_service.domain.trackers.issue import Issue
from sync_service.store.trackers import parents
from sync_service.store.trackers.known_keys import ParentRef
from sync_service.store.trackers.parents import KnownParent

DEEPEST = 20
"""Most ancestors of an issue that are followed."""

_AT_ONCE = 500
"""Parents read together."""


class End(StrEnum):
    """Why a chain of ancestors goes no further."""

    TOP = "top"
    UNKNOWN = "unknown"
    PARENT_UNKNOWN = "parent unknown"
    DELETED = "deleted"
    CIRCLE = "circle"
    DEEP = "deep"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An ancestor: its present key, and all its keys in lower case."""

    key: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """The ancestors of an issue, its parent first, and why there are no more."""

    ancestors: Sequence[Ancestor]
    end: End

    @property
    def keys(self) -> frozenset[str]:
        """Return all keys of all ancestors, in lower case."""
        return frozenset().union(*(one.keys for one in self.ancestors))


def parent_of(issue: Issue) -> ParentRef | None:
    """Return how an issue names its parent; None where it has none, or none is known."""
    return (issue.parent_identity, issue.parent_key) if issue.parent_key else None


@dataclass(frozen=True, slots=True)
class Ancestors:
    """Follows ancestors at the connections to one site; each parent is read once."""

    tx: Connection
    connection_ids: Collection[int]
    _known: dict[ParentRef, KnownParent] = field(default_factory=dict)
    _keys: dict[ParentRef, frozenset[str]] = field(default_factory=dict)

    def read(self, issues: Iterable[Issue]) -> None:
        """Read the ancestors of issues."""
        self.read_parents(ref for one in issues if (ref := parent_of(one)))

    def read_parents(self, parents: Iterable[ParentRef]) -> None:
        """Read parents with their ancestors."""
        wanted = set(parents)
        for _ in range(2 * DEEPEST):  # a transfer is a step too
            if not (new := wanted - self._known.keys()):
                break
            found = self._read(list(new))
            self._known.update(found)
            wanted = {ref for one in found.values() for ref in (one.above, one.moved_to) if ref}

    def _read(self, wanted: Sequence[ParentRef]) -> dict[ParentRef, KnownParent]:
        found: dict[ParentRef, KnownParent] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            found |= parents.read(self.tx, self.connection_ids, wanted[first : first + _AT_ONCE])
        return found

    def keys(self, issue: Issue) -> frozenset[str]:
        """Return all keys of all ancestors of an issue, in lower case."""
        ref = parent_of(issue)
        if ref is None:
            return frozenset()
        if ref not in self._keys:
            self._keys[ref] = self.above(ref).keys
        return self._keys[ref]

    def chain(self, issue: Issue) -> Chain:
        """Return the ancestors of an issue whose ancestors were read."""
        ref = parent_of(issue)
        if ref is None:
            return Chain((), End.PARENT_UNKNOWN if issue.parent_at is None else End.TOP)
        return self.above(ref)

    def above(self, ref: ParentRef) -> Chain:
        """Return a parent that was read, with its ancestors."""
        found: list[Ancestor] = []
        passed: set[ParentRef | str] = set()
        while True:
            if len(found) == DEEPEST:
                return Chain(found, End.DEEP)
            ancestor, last = self._ancestor(ref)
            mark = last.identity or ref
            if mark in passed:
                return Chain(found, End.CIRCLE)
            passed.add(mark)
            found.append(ancestor)
            if last.above is None:
                return Chain(found, End(last.end))
            ref = last.above

    def _ancestor(self, ref: ParentRef) -> tuple[Ancestor, KnownParent]:
        """Return an ancestor with the keys of all that it was transferred to, and the last of these."""
        one = self._known[ref]
        keys, passed = one.keys, {ref}
        while one.moved_to in self._known and one.moved_to not in passed:
            passed.add(one.moved_to)
            one = self._known[one.moved_to]
            keys |= one.keys
        return Ancestor(one.key, keys), one
