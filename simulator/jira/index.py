"""What searches see: the issues in the order of their last change, and, where they lag, as they were a while ago.

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
from typing import TYPE_CHECKING

from simulator.clock import Clock

if TYPE_CHECKING:
    from simulator.jira.issue import Issue
    from simulator.jira.sketch import Batch

_ID_BITS = 23
_LAST_ID = (1 << _ID_BITS) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _News:
    due: datetime
    id: str
    issue: Issue | None


class Index:
    """Orders of ids by the millisecond of the last change, for each project.

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
        self._news: deque[_News] = deque()
        self._batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        """Take in a batch of sketches, without lag."""
        keys = (_key(batch.updated(number), batch.id_of(number)) for number in batch.numbers)
        order = self._orders[batch.project.id]
        self._orders[batch.project.id] = array("Q", sorted([*order, *keys]))
        self._batches.append(batch)

    def note(self, issue: Issue) -> None:
        """Hear of an issue that was made or changed."""
        self._news.append(_News(self._clock() + self.lag, issue.id, _copy(issue)))

    def note_gone(self, id_: str) -> None:
        """Hear of an issue that was deleted."""
        self._news.append(_News(self._clock() + self.lag, id_, None))

    def reconcile(self, ids: Iterable[str]) -> None:
        """Learn at once all there is to know about some issues."""
        wanted = set(ids)
        for news in self._news:
            if news.id in wanted:
                self._take(news)
        self._news = deque(news for news in self._news if news.id not in wanted)

    def shown(self, id_: str) -> Issue | None:
        """Give an issue to look at, as searches know it; None where they know none."""
        self._catch_up()
        if id_ in self._filed:
            return self._shown.get(id_)
        for batch in self._batches:
            number = batch.number_of(id_)
            if number is not None:
                return batch.issue(number)
        return None

    def ids(self, projects: Iterable[str] | None, since: datetime | None) -> Iterator[tuple[int, str]]:
        """Give milliseconds of the last change and id of each issue, oldest change first; costs what is taken of it."""
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
        while self._news and self._news[0].due <= now:
            self._take(self._news.popleft())

    def _take(self, news: _News) -> None:
        self._unfile(news.id)
        if news.issue is None:
            self._shown.pop(news.id, None)
            self._filed[news.id] = ("", 0)
            return
        filed = (news.issue.project.id, _key(news.issue.updated, news.id))
        self._shown[news.id], self._filed[news.id] = news.issue, filed
        insort(self._orders[filed[0]], filed[1])

    def _unfile(self, id_: str) -> None:
        project, key = self._filed.get(id_) or self._as_sketched(id_)
        if project:
            order = self._orders[project]
            del order[bisect_left(order, key)]

    def _as_sketched(self, id_: str) -> tuple[str, int]:
        for batch in self._batches:
            number = batch.number_of(id_)
            if number is not None:
                return batch.project.id, _key(batch.updated(number), id_)
        return "", 0


def _from(order: array[int], least: int) -> Iterator[int]:
    for place in range(bisect_left(order, least), len(order)):
        yield order[place]


def _copy(issue: Issue) -> Issue:
    """Keep an issue as it is now, whatever becomes of its lists."""
    kept = copy.copy(issue)
    for name, value in vars(issue).items():
        if isinstance(value, list):
            setattr(kept, name, list(value))
    return kept


def _milliseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(milliseconds=1)


def _key(when: datetime, id_: str) -> int:
    return _milliseconds(when) << _ID_BITS | int(id_)
