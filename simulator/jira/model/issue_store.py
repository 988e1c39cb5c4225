"""The issues of the simulated Jira, found by id, by key, and by the keys they had; many of them bulk issues.

Bulk issues become objects only when somebody changes them, so 100,000 can be created at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import fields
from typing import Any

from simulator.jira.model.bulk_issues import Batch
from simulator.jira.model.issue import Issue
from simulator.jira.model.search_index import SearchIndex


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


class IssueStore(MutableMapping[str, Issue]):
    """The issues by id. A lookup creates the object of a bulk issue for good; `peek` creates it for the moment."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._loaded: dict[str, Issue] = {}
        self._batches: list[Batch] = []
        self._removed: set[str] = set()
        self._keys: dict[str, str] = {}
        self._former: dict[str, str] = {}
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        self._parents: dict[str, str] = {}

    # A mapping

    def __getitem__(self, id_: str) -> Issue:
        if id_ not in self._loaded:
            issue = self.peek(id_)
            self._loaded[id_] = issue
            self._keys[issue.key] = id_
        return self._loaded[id_]

    def __setitem__(self, id_: str, issue: Issue) -> None:
        self._loaded[id_] = issue
        self.reindex(issue)

    def __delitem__(self, id_: str) -> None:
        issue = self[id_]
        del self._loaded[id_]
        self._keys.pop(issue.key, None)
        self._leave_parent(id_)
        self._removed.add(id_)
        self._index.note_gone(id_)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._loaded or (isinstance(id_, str) and id_.isdigit() and self._in_batch(id_) is not None)

    def __iter__(self) -> Iterator[str]:
        yield from list(self._loaded)
        for batch in self._batches:
            in_batches = map(batch.id_of, batch.numbers)
            yield from (id_ for id_ in in_batches if id_ not in self._loaded and id_ not in self._removed)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    # More than a mapping

    def peek(self, id_: str) -> Issue:
        """Return an issue to read; a bulk issue is created for the moment only. Raise `KeyError`."""
        if id_ in self._loaded:
            return self._loaded[id_]
        found = self._in_batch(id_)
        if found is None:
            raise KeyError(id_)
        batch, number = found
        return batch.issue(number)

    def find(self, id_or_key: str) -> Issue | None:
        """Return the issue of that id or key; a present key wins over a former one."""
        key = id_or_key.upper()
        for id_ in (id_or_key, self._keys.get(key), self._id_in_batch(key), self._former.get(key)):
            if id_ is not None and id_ in self:
                return self[id_]
        return None

    def add(self, batch: Batch) -> None:
        """Add many issues at once, as bulk issues."""
        self._batches.append(batch)
        self._index.add(batch)

    def reindex(self, issue: Issue) -> None:
        """Put a changed issue where it belongs now; searches find it after their lag."""
        if self._loaded.get(issue.id) is not issue:
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
        """Return the issues whose parent an issue is, oldest first."""
        return [self._loaded[id_] for id_ in sorted(self._children.get(issue.id, ()), key=int)]

    def backup(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the fields of every issue as they are now, by id."""
        return {id_: {one.name: _copied(getattr(self[id_], one.name)) for one in fields(Issue)} for id_ in self}

    def restore(self, backup: Mapping[str, Mapping[str, Any]]) -> None:
        """Make every issue what it was at a backup; remove those that were created later."""
        for id_ in [id_ for id_ in self if id_ not in backup]:
            del self[id_]
        for id_, held in backup.items():
            for name, value in held.items():
                setattr(self[id_], name, _copied(value))
            self.reindex(self[id_])

    # Inside

    def _leave_parent(self, id_: str) -> None:
        former = self._parents.pop(id_, None)
        if former is not None:
            self._children[former].discard(id_)

    def _id_in_batch(self, key: str) -> str | None:
        """Find a bulk issue by its key; one that has an object is found by its present key."""
        found = self._in_batch(key)
        if found is None:
            return None
        id_ = found[0].id_of(found[1])
        return None if id_ in self._loaded else id_

    def _in_batch(self, id_or_key: str) -> tuple[Batch, int] | None:
        for batch in self._batches:
            number = batch.number_of(id_or_key)
            if number is not None and batch.id_of(number) not in self._removed:
                return batch, number
        return None
