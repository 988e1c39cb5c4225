"""Limit the bytes that one process holds for slow clients: past the limit, a client loses its oldest request.

Bodies that are not complete and responses that are not read are held in memory. The client that makes us hold the most
is cut off first, so one client can't use up the memory for all.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Holder:
    """One request or response. `cut` ends it early; None while it can't be ended."""

    client: str
    cut: Callable[[], None] | None = None
    size: int = 0
    is_cut: bool = False


@dataclass(slots=True)
class HeldBytes:
    """What all requests and responses of one process hold: at most about `most` bytes."""

    most: int
    total: int = 0
    _holders: dict[Holder, None] = field(default_factory=dict)  # the oldest first

    @contextmanager
    def holder(self, client: str) -> Iterator[Holder]:
        """Yield a holder for one request or response; release its bytes at the end of the block."""
        holder = Holder(client)
        self._holders[holder] = None
        try:
            yield holder
        finally:
            self._release(holder)

    def add(self, holder: Holder, size: int) -> None:
        """Add bytes to a holder, then cut off clients until the rest is small enough."""
        if holder not in self._holders:
            return
        holder.size += size
        self.total += size
        while self.total > self.most and (victim := self._victim()) is not None:
            self._cut_off(victim)

    def _victim(self) -> Holder | None:
        """Return the oldest holder, of those that can be ended, of the client with the most bytes."""
        sizes = Counter[str]()
        for holder in self._holders:
            if holder.cut is not None and holder.size:
                sizes[holder.client] += holder.size
        if not sizes:
            return None
        heaviest = sizes.most_common(1)[0][0]
        return next(one for one in self._holders if one.client == heaviest and one.cut is not None and one.size)

    def _cut_off(self, holder: Holder) -> None:
        self._release(holder)
        holder.is_cut = True
        if holder.cut is not None:
            holder.cut()

    def _release(self, holder: Holder) -> None:
        if holder in self._holders:
            del self._holders[holder]
            self.total -= holder.size
