"""Cache of compiled SQL statements, shared by all databases of a test process.

The service opens one database and compiles each statement once; each test opens a database of its own. The engines
share a dialect, so no test may listen to dialect events (`do_connect`, `handle_error`); engines and pools have their
own events.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

MAX_STATEMENTS = 5_000
"""Maximum of cached statements: more than the tests have, and a bound in case a test generates statements."""


@contextmanager
def shared_statement_cache() -> Iterator[None]:
    """Share a dialect and its compiled statements between all engines of one kind, until the end of the block."""
    shared: dict[str, Dialect] = {}
    compiled: LRUCache[Any, Any] = LRUCache(MAX_STATEMENTS)

    def share(connection: Connection) -> None:
        engine = connection.engine
        dialect = shared.setdefault(engine.dialect.name, engine.dialect)
        if engine.dialect is not dialect or "compiled_cache" not in engine.get_execution_options():
            engine.dialect = connection.dialect = dialect
            engine.update_execution_options(compiled_cache=compiled)

    sa.event.listen(Engine, "engine_connect", share)
    yield
    sa.event.remove(Engine, "engine_connect", share)
