"""Cheap polling: whoever holds the newest answer already gets 304, for the price of reading one counter.

https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match
"""

from collections.abc import Callable

from flask import Response, request
from sqlalchemy.engine import Connection

import sync_service
from sync_service.store import counters
from sync_service.web.house import house

QUARTER = 900
"""Seconds. A cycle freezes at a midnight; those of all time zones fall on quarters of an hour."""


def unless_known(tx: Connection, give: Callable[[], Response]) -> Response:
    """Answer with what `give` makes of the database, or 304 where the caller's copy is as new."""
    # The counter is read before everything else: an answer may be newer than its tag, never older.
    changes = counters.value(tx, counters.CHANGES)
    tag = f"{sync_service.__version__}-{changes}-{int(house().now().timestamp()) // QUARTER}"
    response = Response(status=304) if request.if_none_match.contains_weak(tag) else give()
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
