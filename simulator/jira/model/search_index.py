"""The search index: issues in the order of their last change, and with a lag, as in the real Jira.

https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile/
"""

from __future__ import annotations

import copy
import heapq
from array import array
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.clock import Clock
from simulator.jira.model.bulk_issues import Batch
from simulator.jira.model.issue import Issue

_ID_BITS = 23
_LAST_ID = (1 << _ID_BITS) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Change:
    due: datetime
    id: str
    issue: Issue | None


class SearchIndex:
    """Sorted ids by the millisecond of the last change, for each project.

    `lag` is how long a change takes to be found. `shows_old_fields`: until then a search that finds an issue by what
    it was also shows it so; else it shows the issue as it is, in the place of what it was.
    """

    def __init__(self, clock: Clock) -> None:
        self.lag = timedelta(0)
        self.shows_old_fields = True
        self._clock = clock
        self._orders: defaultdict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._shown: dict[str, Issue] = {}
        self._filed: dict[str, tuple[str, int]] = {}
        self._changes: deque[_Change] = deque()
        self._batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        """Add a batch of bulk issues, without lag."""
        keys = (_key(batch.updated(number), batch.id_of(number)) for number in batch.numbers)
        order = self._orders[batch.project.id]
        self._orders[batch.project.id] = array("Q", sorted([*order, *keys]))
        self._batches.append(batch)

    def note(self, issue: Issue) -> None:
        """Index an issue that was created or changed, after the lag."""
        self._changes.append(_Change(self._clock() + self.lag, issue.id, _copy(issue)))

    def note_gone(self, id_: str) -> None:
        """Remove a deleted issue, after the lag."""
        self._changes.append(_Change(self._clock() + self.lag, id_, None))

    def reconcile(self, ids: Iterable[str]) -> None:
        """Update some issues at once, without the lag."""
        requested = set(ids)
        for change in self._changes:
            if change.id in requested:
                self._apply(change)
        self._changes = deque(change for change in self._changes if change.id not in requested)

    def shown(self, id_: str) -> Issue | None:
        """Return an issue to read, as searches know it; None where they know none."""
        self._catch_up()
        if id_ in self._filed:
            return self._shown.get(id_)
        for batch in self._batches:
            number = batch.number_of(id_)
            if number is not None:
                return batch.issue(number)
        return None

    def ids(self, projects: Iterable[str] | None, since: datetime | None) -> Iterator[tuple[int, str]]:
        """Yield milliseconds of the last change and id of each issue, oldest change first; lazily."""
        self._catch_up()
        names = list(self._orders) if projects is None else [name for name in projects if name in self._orders]
        least = 0 if since is None else _milliseconds(since) << _ID_BITS
        for key in heapq.merge(*(_from(self._orders[name], least) for name in names)):
            yield key >> _ID_BITS, str(key & _LAST_ID)

    def count(self, projects: Iterable[str] | None, since: datetime | None) -> int:
        """Count what `ids` would give."""
        self._catch_up()
        names = self._orders if projects is None else projects
        least = 0 if since is None else _milliseconds(since) << _ID_BITS
        orders = [self._orders[name] for name in names if name in self._orders]
        return sum(len(order) - bisect_left(order, least) for order in orders)

    def _catch_up(self) -> None:
        now = self._clock()
        while self._changes and self._changes[0].due <= now:
            self._apply(self._changes.popleft())

    def _apply(self, change: _Change) -> None:
        self._unfile(change.id)
        if change.issue is None:
            self._shown.pop(change.id, None)
            self._filed[change.id] = ("", 0)
            return
        filed = (change.issue.project.id, _key(change.issue.updated, change.id))
        self._shown[change.id], self._filed[change.id] = change.issue, filed
        insort(self._orders[filed[0]], filed[1])

    def _unfile(self, id_: str) -> None:
        project, key = self._filed.get(id_) or self._as_in_batch(id_)
        if project:
            order = self._orders[project]
            del order[bisect_left(order, key)]

    def _as_in_batch(self, id_: str) -> tuple[str, int]:
        for batch in self._batches:
            number = batch.number_of(id_)
            if number is not None:
                return batch.project.id, _key(batch.updated(number), id_)
        return "", 0


def _from(order: array[int], least: int) -> Iterator[int]:
    for position in range(bisect_left(order, least), len(order)):
        yield order[position]


def _copy(issue: Issue) -> Issue:
    """Copy an issue with its lists."""
    copied = copy.copy(issue)
    for name, value in vars(issue).items():
        if isinstance(value, list):
            setattr(copied, name, list(value))
    return copied


def _milliseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(milliseconds=1)


def _key(when: datetime, id_: str) -> int:
    return _milliseconds(when) << _ID_BITS | int(id_)
