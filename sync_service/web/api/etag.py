"""Conditional requests by ETag: a caller whose copy is current gets 304, which costs one read of the change counter.

https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match
"""

from collections.abc import Callable

from flask import Response, request
from sqlalchemy.engine import Connection

import sync_service
from sync_service.store.engine import versions
from sync_service.web.request.context import services

QUARTER = 900
"""Seconds. When a cycle closes, responses change but the counter does not, so the ETag holds the quarter hour too.

A cycle closes at a midnight, and midnights of all time zones fall on quarter hours.
"""


def unless_unchanged(tx: Connection, build: Callable[[], Response]) -> Response:
    """Return the response of `build()`, or 304 when the caller's copy is current."""
    # Read the counter first: a response may be newer than its ETag, never older.
    changes = versions.value(tx, versions.CHANGES)
    tag = f"{sync_service.__version__}-{changes}-{int(services().now().timestamp()) // QUARTER}"
    response = Response(status=304) if request.if_none_match.contains_weak(tag) else build()
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
