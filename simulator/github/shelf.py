"""The issues of one repository, kept in the orders in which they are listed.

A listing must cost as much as its page, also among 100,000 issues. So the orders are sorted arrays of numbers, and
issues made in bulk are sketches until somebody touches them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.github.sketch import Batch, Outline

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.github.issue import Issue
    from simulator.github.planning import Milestone

Order = Literal["updated", "created"]
State = Literal["open", "closed", "all"]

_NUMBER_BITS = 32
_LAST_NUMBER = (1 << _NUMBER_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which issues a listing asks for; `after` is the key of the last one seen, as `Slice.last` gave it."""

    state: State = "open"
    order: Order = "created"
    descending: bool = True
    since: datetime | None = None
    after: int | None = None
    skip: int = 0
    count: int = 30


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a listing: numbers in order, how many the whole list has, and where the next part begins, if any."""

    numbers: list[int]
    total: int
    last: int | None


class Shelf(MutableMapping[int, "Issue"]):
    """The issues by number, which is given once.

    Looking one up makes it out of its sketch, for good; `peek` makes it for the moment.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Issue] = {}
        self._filed: dict[int, Outline] = {}
        self._numbers_by_id: dict[int, int] = {}
        self._batches: list[Batch] = []
        self._left: set[int] = set()
        self._orders: dict[tuple[State, Order], array[int]] = {
            (state, order): array("Q") for state in ("open", "closed", "all") for order in ("updated", "created")
        }
        self._milestones: defaultdict[tuple[int, bool], set[int]] = defaultdict(set)

    # A mapping

    def __getitem__(self, number: int) -> Issue:
        issue = self._kept.get(number)
        if issue is None:
            issue = self.peek(number)
            self._kept[number], self._filed[number] = issue, _filed(issue)
        return issue

    def __setitem__(self, number: int, issue: Issue) -> None:
        self._kept[number], self._filed[number] = issue, _filed(issue)
        self._numbers_by_id |= dict.fromkeys(issue.ids, number)
        self._enter(number, self._filed[number])

    def __delitem__(self, number: int) -> None:
        issue = self[number]
        self._unfile(number)
        for id_ in issue.ids:
            self._numbers_by_id.pop(id_, None)
        del self._kept[number], self._filed[number]
        if self._batch(number) is not None:
            self._left.add(number)

    def __contains__(self, number: object) -> bool:
        return number in self._kept or (isinstance(number, int) and self._sketched(number))

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(key & _LAST_NUMBER for key in self._orders["all", "created"]))

    def __len__(self) -> int:
        return len(self._orders["all", "created"])

    # Beyond a mapping

    def peek(self, number: int) -> Issue:
        """Give an issue to look at; one that is only sketched stays so. Raises `KeyError`."""
        if number in self._kept:
            return self._kept[number]
        batch = self._batch(number)
        if batch is None or number in self._left:
            raise KeyError(number)
        return batch.issue(number)

    def each(self) -> Iterator[Issue]:
        """Give every issue to look at, by number."""
        return map(self.peek, self)

    def kept(self) -> Iterator[Issue]:
        """Give every issue that is more than a sketch."""
        return iter(self._kept.values())

    def number_of(self, id_: int) -> int | None:
        """Give the number of the issue or pull request with an id, if it is here."""
        found = self._numbers_by_id.get(id_)
        if found is not None:
            return found
        sketched = (batch.number_of(id_) for batch in self._batches)
        return next((number for number in sketched if number is not None and number in self), None)

    def add(self, batch: Batch) -> None:
        """Take in many issues at once, as sketches."""
        self._batches.append(batch)
        fresh: dict[tuple[State, Order], list[int]] = {name: list(order) for name, order in self._orders.items()}
        for number in batch.numbers:
            filed = batch.outline(number)
            for name, seconds in _entries(filed):
                fresh[name].append(_key(seconds, number))
            if filed.milestone is not None:
                self._milestones[filed.milestone, filed.closed].add(number)
        self._orders = {name: array("Q", sorted(keys)) for name, keys in fresh.items()}

    def file_again(self, issue: Issue) -> None:
        """Put a changed issue where it belongs now."""
        self._unfile(issue.number)
        self._filed[issue.number] = _filed(issue)
        self._enter(issue.number, self._filed[issue.number])

    def open_count(self) -> int:
        """Count the open ones."""
        return len(self._orders["open", "created"])

    def in_milestone(self, milestone: Milestone, *, closed: bool) -> set[int]:
        """Give the numbers of a milestone's open or closed issues."""
        return self._milestones[milestone.id, closed]

    def part(self, wanted: Wanted) -> Slice:
        """Give a part of the list that is asked for; costs the part, not the list."""
        keys: array[int] | list[int] = self._orders[wanted.state, wanted.order]
        low, high = 0, len(keys)
        if wanted.since is not None:
            updated = self._orders[wanted.state, "updated"]
            low = bisect_left(updated, _key(_seconds(wanted.since), 0))
            if wanted.order == "created":
                low, keys = 0, self._by_creation(key & _LAST_NUMBER for key in updated[low:])
                high = len(keys)
        total = high - low
        if wanted.descending:
            high = high if wanted.after is None else bisect_left(keys, wanted.after, low, high)
            high = max(low, high - wanted.skip)
            part, more = list(reversed(keys[max(low, high - wanted.count) : high])), high - wanted.count > low
        else:
            low = low if wanted.after is None else bisect_right(keys, wanted.after, low, high)
            low = min(high, low + wanted.skip)
            part, more = list(keys[low : min(high, low + wanted.count)]), low + wanted.count < high
        return Slice([key & _LAST_NUMBER for key in part], total, part[-1] if more else None)

    # Inside

    def _by_creation(self, numbers: Iterable[int]) -> list[int]:
        return sorted(_key(_seconds(self.peek(number).created), number) for number in numbers)

    def _batch(self, number: int) -> Batch | None:
        return next((batch for batch in self._batches if number in batch.numbers), None)

    def _sketched(self, number: int) -> bool:
        return number not in self._left and self._batch(number) is not None

    def _enter(self, number: int, filed: Outline) -> None:
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


def _filed(issue: Issue) -> Outline:
    milestone = None if issue.milestone is None else issue.milestone.id
    return Outline(_seconds(issue.updated), _seconds(issue.created), issue.closed is not None, milestone)


def _entries(filed: Outline) -> Iterator[tuple[tuple[State, Order], int]]:
    state: State = "closed" if filed.closed else "open"
    for each in ("all", state):
        yield (each, "updated"), filed.updated
        yield (each, "created"), filed.created


def _seconds(when: datetime) -> int:
    return int(when.timestamp())


def _key(seconds: int, number: int) -> int:
    return seconds << _NUMBER_BITS | number
