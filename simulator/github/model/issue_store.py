"""The issues of one repository, kept in the orders in which they are listed.

A list must cost as much as its page, also among 100,000 issues. So the orders are sorted arrays of numbers, and
bulk issues become objects only when somebody changes them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from simulator.github.model.bulk_issues import Batch, SortKeys
from simulator.github.model.issue import Issue
from simulator.github.model.labels_and_milestones import Milestone

Order = Literal["updated", "created"]
State = Literal["open", "closed", "all"]

_NUMBER_BITS = 32
_LAST_NUMBER = (1 << _NUMBER_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which issues a list call asks for; `after` is the key of the last one seen, as `ListPage.last` gave it."""

    state: State = "open"
    order: Order = "created"
    descending: bool = True
    since: datetime | None = None
    after: int | None = None
    skip: int = 0
    count: int = 30


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list: numbers in order, the total of the list, and the key where the next page starts, if any."""

    numbers: list[int]
    total: int
    last: int | None


class IssueStore(MutableMapping[int, Issue]):
    """The issues by number; a number is never used again.

    A lookup creates the object of a bulk issue for good; `peek` creates it for the moment.
    """

    def __init__(self) -> None:
        self._loaded: dict[int, Issue] = {}
        self._filed: dict[int, SortKeys] = {}
        self._numbers_by_id: dict[int, int] = {}
        self._batches: list[Batch] = []
        self._removed: set[int] = set()
        self._orders: dict[tuple[State, Order], array[int]] = {
            (state, order): array("Q") for state in ("open", "closed", "all") for order in ("updated", "created")
        }
        self._milestones: defaultdict[tuple[int, bool], set[int]] = defaultdict(set)

    # A mapping

    def __getitem__(self, number: int) -> Issue:
        issue = self._loaded.get(number)
        if issue is None:
            issue = self.peek(number)
            self._loaded[number], self._filed[number] = issue, _filed(issue)
        return issue

    def __setitem__(self, number: int, issue: Issue) -> None:
        self._loaded[number], self._filed[number] = issue, _filed(issue)
        self._numbers_by_id |= dict.fromkeys(issue.ids, number)
        self._enter(number, self._filed[number])

    def __delitem__(self, number: int) -> None:
        issue = self[number]
        self._unfile(number)
        for id_ in issue.ids:
            self._numbers_by_id.pop(id_, None)
        del self._loaded[number], self._filed[number]
        if self._batch(number) is not None:
            self._removed.add(number)

    def __contains__(self, number: object) -> bool:
        return number in self._loaded or (isinstance(number, int) and self._in_batch(number))

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(key & _LAST_NUMBER for key in self._orders["all", "created"]))

    def __len__(self) -> int:
        return len(self._orders["all", "created"])

    # More than a mapping

    def peek(self, number: int) -> Issue:
        """Return an issue to read; a bulk issue is created for the moment only. Raise `KeyError`."""
        if number in self._loaded:
            return self._loaded[number]
        batch = self._batch(number)
        if batch is None or number in self._removed:
            raise KeyError(number)
        return batch.issue(number)

    def peek_all(self) -> Iterator[Issue]:
        """Return every issue to read, by number."""
        return map(self.peek, self)

    def loaded(self) -> Iterator[Issue]:
        """Return every issue that has an object."""
        return iter(self._loaded.values())

    def number_of(self, id_: int) -> int | None:
        """Return the number of the issue or pull request with an id, if it is here."""
        found = self._numbers_by_id.get(id_)
        if found is not None:
            return found
        in_batches = (batch.number_of(id_) for batch in self._batches)
        return next((number for number in in_batches if number is not None and number in self), None)

    def add(self, batch: Batch) -> None:
        """Add many issues at once, as bulk issues."""
        self._batches.append(batch)
        fresh: dict[tuple[State, Order], list[int]] = {name: list(order) for name, order in self._orders.items()}
        for number in batch.numbers:
            filed = batch.sort_keys(number)
            for name, seconds in _entries(filed):
                fresh[name].append(_key(seconds, number))
            if filed.milestone is not None:
                self._milestones[filed.milestone, filed.closed].add(number)
        self._orders = {name: array("Q", sorted(keys)) for name, keys in fresh.items()}

    def reindex(self, issue: Issue) -> None:
        """Update the place of a changed issue in lists."""
        self._unfile(issue.number)
        self._filed[issue.number] = _filed(issue)
        self._enter(issue.number, self._filed[issue.number])

    def open_count(self) -> int:
        """Count the open ones."""
        return len(self._orders["open", "created"])

    def in_milestone(self, milestone: Milestone, *, closed: bool) -> set[int]:
        """Return the numbers of a milestone's open or closed issues."""
        return self._milestones[milestone.id, closed]

    def page(self, query: ListQuery) -> ListPage:
        """Return a page of a list; the cost is that of the page."""
        keys: array[int] | list[int] = self._orders[query.state, query.order]
        low, high = 0, len(keys)
        if query.since is not None:
            updated = self._orders[query.state, "updated"]
            low = bisect_left(updated, _key(_seconds(query.since), 0))
            if query.order == "created":
                low, keys = 0, self._by_creation(key & _LAST_NUMBER for key in updated[low:])
                high = len(keys)
        total = high - low
        if query.descending:
            high = high if query.after is None else bisect_left(keys, query.after, low, high)
            high = max(low, high - query.skip)
            page_keys, more = list(reversed(keys[max(low, high - query.count) : high])), high - query.count > low
        else:
            low = low if query.after is None else bisect_right(keys, query.after, low, high)
            low = min(high, low + query.skip)
            page_keys, more = list(keys[low : min(high, low + query.count)]), low + query.count < high
        return ListPage([key & _LAST_NUMBER for key in page_keys], total, page_keys[-1] if more else None)

    # Inside

    def _by_creation(self, numbers: Iterable[int]) -> list[int]:
        return sorted(_key(_seconds(self.peek(number).created), number) for number in numbers)

    def _batch(self, number: int) -> Batch | None:
        return next((batch for batch in self._batches if number in batch.numbers), None)

    def _in_batch(self, number: int) -> bool:
        return number not in self._removed and self._batch(number) is not None

    def _enter(self, number: int, filed: SortKeys) -> None:
        for name, seconds in _entries(filed):
            insort(self._orders[name], _key(seconds, number))
        if filed.milestone is not None:
            self._milestones[filed.milestone, filed.closed].add(number)

    def _unfile(self, number: int) -> None:
        filed = self._filed[number]
        for name, seconds in _entries(filed):
            order = self._orders[name]
            del order[bisect_left(order, _key(seconds, number))]
        if filed.milestone is not None:
            self._milestones[filed.milestone, filed.closed].remove(number)


def _filed(issue: Issue) -> SortKeys:
    milestone = None if issue.milestone is None else issue.milestone.id
    return SortKeys(_seconds(issue.updated), _seconds(issue.created), issue.closed is not None, milestone)


def _entries(filed: SortKeys) -> Iterator[tuple[tuple[State, Order], int]]:
    state: State = "closed" if filed.closed else "open"
    for each in ("all", state):
        yield (each, "updated"), filed.updated
        yield (each, "created"), filed.created


def _seconds(when: datetime) -> int:
    return int(when.timestamp())


def _key(seconds: int, number: int) -> int:
    return seconds << _NUMBER_BITS | number
