"""The issues of the simulated Jira, found by id, by key, and by the keys they had; many of them only sketched.

A hundred thousand are made at once as sketches, which become issues when somebody touches them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

from simulator.jira.index import Index
from simulator.jira.sketch import Batch

if TYPE_CHECKING:
    from simulator.jira.issue import Issue


class Shelf(MutableMapping[str, "Issue"]):
    """The issues by id. Looking one up makes it out of its sketch, for good; `peek` makes it for the moment."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._kept: dict[str, Issue] = {}
        self._batches: list[Batch] = []
        self._left: set[str] = set()
        self._keys: dict[str, str] = {}
        self._former: dict[str, str] = {}
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        self._parents: dict[str, str] = {}

    # A mapping

    def __getitem__(self, id_: str) -> Issue:
        if id_ not in self._kept:
            issue = self.peek(id_)
            self._kept[id_] = issue
            self._keys[issue.key] = id_
        return self._kept[id_]

    def __setitem__(self, id_: str, issue: Issue) -> None:
        self._kept[id_] = issue
        self.file_again(issue)

    def __delitem__(self, id_: str) -> None:
        issue = self[id_]
        del self._kept[id_]
        self._keys.pop(issue.key, None)
        self._leave_parent(id_)
        self._left.add(id_)
        self._index.note_gone(id_)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._kept or (isinstance(id_, str) and id_.isdigit() and self._sketched(id_) is not None)

    def __iter__(self) -> Iterator[str]:
        yield from list(self._kept)
        for batch in self._batches:
            sketched = map(batch.id_of, batch.numbers)
            yield from (id_ for id_ in sketched if id_ not in self._kept and id_ not in self._left)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    # Beyond a mapping

    def peek(self, id_: str) -> Issue:
        """Give an issue to look at; one that is only sketched stays so. Raises `KeyError`."""
        if id_ in self._kept:
            return self._kept[id_]
        found = self._sketched(id_)
        if found is None:
            raise KeyError(id_)
        batch, number = found
        return batch.issue(number)

    def find(self, id_or_key: str) -> Issue | None:
        """Give the issue of that id or key; a present key goes before one that another had."""
        key = id_or_key.upper()
        for id_ in (id_or_key, self._keys.get(key), self._id_by_sketch(key), self._former.get(key)):
            if id_ is not None and id_ in self:
                return self[id_]
        return None

    def add(self, batch: Batch) -> None:
        """Take in many issues at once, as sketches."""
        self._batches.append(batch)
        self._index.add(batch)

    def file_again(self, issue: Issue) -> None:
        """Put a changed issue where it belongs now; searches learn of it in their own time."""
        if self._kept.get(issue.id) is not issue:
            return
        self._keys[issue.key] = issue.id
        for key in issue.former_keys:
            self._former[key] = issue.id
            if self._keys.get(key) == issue.id:
                del self._keys[key]
        self._leave_parent(issue.id)
        if issue.parent is not None:
            self._parents[issue.id] = issue.parent.id
            self._children[issue.parent.id].add(issue.id)
        self._index.note(issue)

    def children_of(self, issue: Issue) -> list[Issue]:
        """Give the issues whose parent an issue is, oldest first."""
        return [self._kept[id_] for id_ in sorted(self._children.get(issue.id, ()), key=int)]

    # Inside

    def _leave_parent(self, id_: str) -> None:
        former = self._parents.pop(id_, None)
        if former is not None:
            self._children[former].discard(id_)

    def _id_by_sketch(self, key: str) -> str | None:
        """Find a sketch by its key; one that was touched since is found by the key that it has now."""
        found = self._sketched(key)
        if found is None:
            return None
        id_ = found[0].id_of(found[1])
        return None if id_ in self._kept else id_

    def _sketched(self, id_or_key: str) -> tuple[Batch, int] | None:
        for batch in self._batches:
            number = batch.number_of(id_or_key)
            if number is not None and batch.id_of(number) not in self._left:
                return batch, number
        return None
