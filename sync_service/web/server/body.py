"""The body of a request: read whole up to a limit, and whatever follows is discarded."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns the next ASGI message of a request."""

MOST_IN_MEMORY = 256 * 1024
"""Bytes of the largest body that is kept in memory while it arrives."""

LARGEST_FORM = 1024 * 1024
MOST_FIELDS = 5_000
"""Fields of a form: each takes a hundred times as much memory as its one byte on the way."""

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
        self.size = 0

    async def read(self, *, limit: int, announced: str, grown: Callable[[int], None]) -> IO[bytes]:
        """Return the whole body as a file. Raise `TooLarge` past `limit` bytes, `Disconnected` when it ends early.

        A large body is in a file on the disk until somebody reads it. `announced` is the value of Content-Length.
        `grown` is called with the size of each piece.
        """
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise TooLarge
        content = tempfile.SpooledTemporaryFile(max_size=MOST_IN_MEMORY)  # noqa: SIM115  # it is closed with the request
        try:
            await self._read_into(content, limit, grown)
        except BaseException:
            content.close()
            raise
        content.seek(0)
        return content

    async def _read_into(self, content: IO[bytes], limit: int, grown: Callable[[int], None]) -> None:
        while not self._complete:
            piece = await self._next_piece()
            self.size += len(piece)
            if self.size > limit:
                raise TooLarge
            grown(len(piece))
            content.write(piece)

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


def has_many_fields(content: IO[bytes], size: int) -> bool:
    """Return whether a form has more than `MOST_FIELDS` fields. One of more than `LARGEST_FORM` bytes is not read."""
    if size > LARGEST_FORM:
        return False
    fields = content.read().count(b"&")
    content.seek(0)
    return fields > MOST_FIELDS
