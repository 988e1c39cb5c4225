"""The body of a request: read whole up to a limit, and whatever follows is discarded."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns the next ASGI message of a request."""

DISCARD_SECONDS = 5.0
"""How long to discard the rest of a body: a client that still sends does not read the response."""


class Disconnected(Exception):
    """The client closed the connection before its request was complete."""


class TooLarge(Exception):
    """The body is larger than the limit."""


class RequestBody:
    """The body of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False

    async def read(self, *, limit: int, announced: str, grown: Callable[[int], None]) -> bytes:
        """Return the whole body. Raise `TooLarge` for more than `limit` bytes, `Disconnected` when it ends early.

        `announced` is the value of Content-Length. `grown` is called with the size of each piece.
        """
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise TooLarge
        pieces: list[bytes] = []
        size = 0
        while not self._complete:
            piece = await self._next_piece()
            size += len(piece)
            if size > limit:
                raise TooLarge
            grown(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def discard(self) -> None:
        """Receive and drop what the client still sends, for a few seconds."""
        if self._complete:
            return
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self._complete:
                    await self._next_piece()
        except (TimeoutError, Disconnected):
            return

    async def _next_piece(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise Disconnected
        self._complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece
