"""Answers to open pages that ask for the change counter, before Flask and without SQL.

Every open page asks each second. One thread for each process reads the counter while somebody asks. Who may ask is
decided by the guard of the route: a question goes to the application first, and its answer opens this way for the same
cookie, for a few seconds.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sync_service.web.server.response import Response

log = structlog.get_logger(__name__)

ADMITTED_SECONDS = 10.0
"""How long a cookie that the guard admitted is answered here, also when its session ends elsewhere meanwhile."""

MOST_ADMITTED = 5_000
"""Cookies that one process stores."""

READ_EVERY = 0.1
"""Seconds between two reads of the counter."""

OLDEST = 2.0
"""Seconds after which a counter is too old; then the application answers."""

IDLE_SECONDS = 5.0
"""The counter is not read if no page has asked for this long."""


@dataclass(slots=True)
class ChangeAnswers:
    """The counter of one process, as `read` last returned it, and the cookies that may know it.

    `paths` are those of the route, `headers` are those of every response.
    """

    read: Callable[[], int]
    paths: Collection[bytes]
    headers: Sequence[tuple[bytes, bytes]]
    clock: Callable[[], float] = time.monotonic
    _admitted: dict[bytes, float] = field(default_factory=dict)  # the digest of a cookie → until when
    _counter: tuple[int, float] = (0, float("-inf"))  # the value, and when it was read
    _asked_at: float = float("-inf")
    _wanted: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the thread that reads the counter; it ends with the process."""
        threading.Thread(target=self._read_always, name="change counter", daemon=True).start()

    def answer(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Response | None:
        """Return the response; None when the application must answer."""
        if not self._is_question(scope):
            return None
        now = self._asked_at = self.clock()
        self._wanted.set()
        value, read_at = self._counter
        if now - read_at > OLDEST or self._admitted.get(digest(headers), 0.0) < now:
            return None
        tag = f'"{value}"'
        known = [*self.headers, (b"ETag", tag.encode())]
        if headers.get("if-none-match") == tag:
            return Response(304, known)
        body = f'{{"changes":{value}}}\n'.encode()
        fixed = [(b"Content-Type", b"application/json"), (b"Content-Length", str(len(body)).encode())]
        return Response(200, [*known, *fixed], body)

    def note_response(self, scope: Mapping[str, Any], headers: Mapping[str, str], status: int) -> None:
        """Store the cookie of a caller who may ask, by a response; delete all after a request that may change that."""
        key = digest(headers)
        if scope["method"] != "GET" and key in self._admitted:
            self._admitted.clear()
        elif self._is_question(scope) and status in (200, 304):
            self._admitted.pop(key, None)
            self._admitted[key] = self.clock() + ADMITTED_SECONDS
            if len(self._admitted) > MOST_ADMITTED:
                del self._admitted[next(iter(self._admitted))]

    def refresh(self) -> None:
        """Read the counter. A database that does not answer leaves the old value, which is soon too old."""
        at = self.clock()
        try:
            self._counter = (self.read(), at)
        except SQLAlchemyError as error:
            log.warning("the change counter can't be read", error=type(error).__name__)

    def _read_always(self) -> None:
        while True:
            self._wanted.wait()
            if self.clock() - self._asked_at > IDLE_SECONDS:
                self._wanted.clear()
                continue
            self.refresh()
            time.sleep(READ_EVERY)

    def _is_question(self, scope: Mapping[str, Any]) -> bool:
        return scope["method"] == "GET" and scope["raw_path"] in self.paths and not scope["query_string"]


def digest(headers: Mapping[str, str]) -> bytes:
    """Return the digest of a request's cookies."""
    return hashlib.sha256(headers.get("cookie", "").encode("latin-1")).digest()
