"""A cache of lines in this process: a line is computed again only when what it follows from has changed."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Connection, Engine

from sync_service.domain.measures.line import DayValue

MOST_LINES = 100
"""Lines that are kept; the one that was not used for longest goes first."""


@dataclass(slots=True)
class LineCache:
    """Lines of key results, by id, each with the version of what it follows from."""

    _lines: OrderedDict[int, tuple[object, Sequence[DayValue]]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def line(self, key_result_id: int, version: object, compute: Callable[[], Sequence[DayValue]]) -> list[DayValue]:
        """Return the line of this version; compute it unless it is here."""
        with self._lock:
            found = self._lines.get(key_result_id)
        if found is None or found[0] != version:
            found = (version, compute())
        with self._lock:
            self._lines[key_result_id] = found
            self._lines.move_to_end(key_result_id)
            if len(self._lines) > MOST_LINES:
                self._lines.popitem(last=False)
        return list(found[1])

    def clear(self) -> None:
        """Remove all lines."""
        with self._lock:
            self._lines.clear()


_caches: "WeakKeyDictionary[Engine, LineCache]" = WeakKeyDictionary()


def cache_of(tx: Connection) -> LineCache:
    """Return the cache of the database of a transaction."""
    return _caches.setdefault(tx.engine, LineCache())
