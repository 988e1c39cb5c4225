"""Statements that are compiled once in a process, however many databases its tests open.

A process of the service opens one database, and compiles each statement once; each test opens a database of its own.
Their engines share a dialect for that, so no test listens to one (`do_connect`, `handle_error`): engines and pools have
events of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

MOST = 5_000
"""Statements that are kept; more than the tests have, and a bound where one of them writes its own."""


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let all engines of one kind share a dialect and what it has compiled, until the end of the block."""
    shared: dict[str, Dialect] = {}
    compiled: LRUCache[Any, Any] = LRUCache(MOST)

    def share(connection: Connection) -> None:
        engine = connection.engine
        dialect = shared.setdefault(engine.dialect.name, engine.dialect)
        if engine.dialect is not dialect or "compiled_cache" not in engine.get_execution_options():
            engine.dialect = connection.dialect = dialect
            engine.update_execution_options(compiled_cache=compiled)

    sa.event.listen(Engine, "engine_connect", share)
    yield
    sa.event.remove(Engine, "engine_connect", share)
