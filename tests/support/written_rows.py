"""Count the rows that each transaction writes, and end a process's work after some of them, as a kill would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """Ends the work where a kill would; nothing may catch it."""


@contextmanager
def rows_per_transaction(engine: Engine, *, kill_after: int | None = None) -> Iterator[list[int]]:
    """Collect how many rows each committed transaction wrote.

    After `kill_after` such transactions the next write raises `Killed`.
    """
    counts: list[int] = []
    pending = {"rows": 0}

    def wrote(_tx: Transaction, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            if kill_after is not None and len(counts) >= kill_after:
                raise Killed
            pending["rows"] += max(cursor.rowcount, 0)

    def committed(_tx: Transaction) -> None:
        if pending["rows"]:
            counts.append(pending["rows"])
        pending["rows"] = 0

    sa.event.listen(engine, "after_cursor_execute", wrote)
    sa.event.listen(engine, "commit", committed)
    try:
        yield counts
    finally:
        sa.event.remove(engine, "after_cursor_execute", wrote)
        sa.event.remove(engine, "commit", committed)
