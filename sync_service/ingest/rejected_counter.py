"""Count rejected deliveries, those with a wrong signature, with at most one write a second for each connection.

A page shows that such deliveries arrive. Anybody may send any number of them, so each process writes once a second at
most. The rest of its count is written with the next rejected delivery, or lost when the process ends.
"""

import threading
import time
from collections import Counter
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger(__name__)

SPACING_SECONDS = 1.0


class Note(Protocol):
    """Writes the count."""

    def __call__(self, connection_id: int, *, count: int, at: datetime) -> None:
        """Add `count`; `at` is the time of the last one."""
        ...


class RejectedCounter:
    """The rejected deliveries that one process has counted and not written yet."""

    def __init__(self, write: Note) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._counted: Counter[int] = Counter()
        self._written_at: dict[int, float] = {}

    def add(self, connection_id: int, *, at: datetime) -> None:
        """Count one. A database error is logged only: the answer to the sender stays the same."""
        with self._lock:
            self._counted[connection_id] += 1
            last = self._written_at.get(connection_id)
            if last is not None and time.monotonic() - last < SPACING_SECONDS:
                return
            self._written_at[connection_id] = time.monotonic()
            count = self._counted.pop(connection_id)
        try:
            self._write(connection_id, count=count, at=at)
        except SQLAlchemyError as error:
            log.warning("a rejected delivery is not counted", connection_id=connection_id, error=type(error).__name__)
