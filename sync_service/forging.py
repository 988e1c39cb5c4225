"""Counting deliveries with a wrong signature, so that a page can say that one came: seldom written, whoever sends them.

Anybody may send us such a thing, as often as they like: each process writes once a second at most for a connection.
What it has counted since then is written with the next one, or lost with the process.
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
    """Writes how many came."""

    def __call__(self, connection_id: int, *, count: int, at: datetime) -> None:
        """Add so many, the last of them at a moment."""
        ...


class Forgeries:
    """What one process has counted."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._lock = threading.Lock()
        self._counted: Counter[int] = Counter()
        self._written_at: dict[int, float] = {}

    def add(self, connection_id: int, *, at: datetime) -> None:
        """Count one. A database that can't take it now changes nothing about the answer to who sent it."""
        with self._lock:
            self._counted[connection_id] += 1
            last = self._written_at.get(connection_id)
            if last is not None and time.monotonic() - last < SPACING_SECONDS:
                return
            self._written_at[connection_id] = time.monotonic()
            count = self._counted.pop(connection_id)
        try:
            self._note(connection_id, count=count, at=at)
        except SQLAlchemyError as error:
            log.warning("a forged delivery is not counted", connection_id=connection_id, error=type(error).__name__)
