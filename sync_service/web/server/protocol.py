"""One HTTP connection: gunicorn's own protocol, with deadlines and bounds for what a client may send.

https://gunicorn.org/asgi/
"""

import asyncio
from typing import Any, cast

from gunicorn.asgi.parser import ParseError
from gunicorn.asgi.protocol import ASGIProtocol

from sync_service.web.server.client_address import client_network, unmapped
from sync_service.web.server.open_connections import OpenConnections
from sync_service.web.server.site import ABORT

HEAD_SECONDS = 10.0
"""How long a client may take from opening a connection to the end of its first request's headers."""

LONGEST_HEAD = 32 * 1024
"""Bytes of the request line and all headers together."""

MOST_UNREAD = 32 * 1024
"""Bytes that a client may send ahead; then the connection is not read until they are used."""

MOST_AT_ONCE = 64 * 1024
"""Bytes that are read from a connection at once, instead of asyncio's 256 KiB: each connection may fill them."""

CLOSE_SECONDS = 5.0
"""How long a closed connection may still send what the client has not read."""

FREE_CHUNKS = 1_000
LEAST_CHUNK = 256
"""After `FREE_CHUNKS` chunks, the average size of a chunk is `LEAST_CHUNK` bytes at least: each costs time to parse."""


class BoundedProtocol(ASGIProtocol):
    """A connection that must send whole requests in time. A trickle of bytes does not prolong any deadline."""

    def __init__(self, worker: Any, connections: OpenConnections) -> None:
        super().__init__(worker)
        self._connections = connections
        self._loop: asyncio.AbstractEventLoop = worker.loop
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._chunks = 0
        self._chunk_bytes = 0
        self._max_buffer_size = MOST_UNREAD
        self.client = ""
        self.active_at = self._loop.time()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._current_request is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the deadline of the first request's headers."""
        transport.max_size = MOST_AT_ONCE  # type: ignore[attr-defined]  # of asyncio's selector transports
        peer = transport.get_extra_info("peername")
        self.client = client_network(peer[0]) if peer else ""
        super().connection_made(transport)
        self._deadline = self._loop.call_later(HEAD_SECONDS, self.abort)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client. Refuse headers that are too large together."""
        if self._current_request is None:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD and not self._ends_head(data):
                self._send_error_response(431, "The headers are too large.\n")
                self._close_transport()
                return
        super().data_received(data)

    def _ends_head(self, data: bytes) -> bool:
        """Return whether the headers may end within the bound, before a body that arrived with them."""
        before = self._head_bytes - len(data)
        return b"\r\n\r\n" in data[: max(0, LONGEST_HEAD - before)]

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the connection and its deadline."""
        super().connection_lost(exc)
        self._end_deadline()
        self._connections.remove(self)

    def abort(self) -> None:
        """Close the connection at once, whatever it still has to send."""
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    def _on_headers_complete(self) -> Any:
        self._end_deadline()
        self.active_at = self._loop.time()
        self._head_bytes = self._chunks = self._chunk_bytes = 0
        return super()._on_headers_complete()

    def _on_body(self, chunk: bytes) -> None:
        self._chunks += 1
        self._chunk_bytes += len(chunk)
        if self._chunks > FREE_CHUNKS and self._chunk_bytes < self._chunks * LEAST_CHUNK:
            raise ParseError("The body has too many small chunks.")
        super()._on_body(chunk)

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        for side in ("client", "server"):
            if scope[side]:
                scope[side] = (unmapped(scope[side][0]), scope[side][1])
        scope[ABORT] = self.abort
        return scope

    def _close_transport(self) -> None:
        if not self._closed:
            self._end_deadline()
            self._deadline = self._loop.call_later(CLOSE_SECONDS, self.abort)
        super()._close_transport()

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
