"""The ASGI application: read a request whole, answer it in a thread by the WSGI application, and send the response.

No thread waits for a client: not for its headers, its body, or until it has read the response. Times, sizes and what a
client may hold are bounded before the WSGI application sees a request.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sync_service.web.server.body import MOST_IN_MEMORY, Disconnected, Receive, RequestBody, TooLarge, has_many_fields
from sync_service.web.server.change_answers import ChangeAnswers
from sync_service.web.server.client_address import client_address, client_network
from sync_service.web.server.environ import Headers, Scope, environ_of, headers_of
from sync_service.web.server.held_bytes import HeldBytes, Holder
from sync_service.web.server.response import Response, call_application, text_response
from sync_service.web.server.threads import RequestThreads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

READ_SECONDS = 30.0
"""How long a client may take for the body of a request."""

WAIT_SECONDS = 30.0
"""How long a request may wait for a thread."""

SEND_SECONDS = 60.0
"""How long a client may take to read a response."""

MOST_HELD = 64 * 1024 * 1024
"""Bytes of incomplete requests and unread responses that one process holds."""

DISK_SHARE = 4
"""How many bytes of a large body, which are on the disk, count as one that is held."""

FORM = "application/x-www-form-urlencoded"

PIECE = 32 * 1024
"""Bytes of a response that are handed to the connection at once."""

ABORT = "okr_sync.abort"
"""The key of the ASGI scope with the function that closes the connection at once."""

TOO_SLOW = text_response(408, "The request took too long.\n")
OVERLOADED = text_response(503, "The server holds too many requests. Send it again later.\n")


class Site:
    """The ASGI application of one process: https://asgi.readthedocs.io/en/latest/specs/www.html."""

    def __init__(
        self,
        application: "WSGIApplication",
        *,
        threads: int,
        limit: Callable[[str], int],
        proxy_hops: int = 0,
        changes: ChangeAnswers | None = None,
    ) -> None:
        """Serve a WSGI application; one client has at most `threads` threads.

        `limit` returns the largest body of a path, in bytes. Behind `proxy_hops` proxies, clients are told apart by
        what the proxies forward.
        """
        self._application = application
        self._limit = limit
        self._proxy_hops = proxy_hops
        self._changes = changes
        self._threads = RequestThreads(threads)
        self._held = HeldBytes(MOST_HELD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; refuse a websocket."""
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close"})
            return
        headers, body = headers_of(scope["headers"]), RequestBody(receive)
        client = self._client(scope, headers)
        try:
            response = await self._response(scope, headers, body, client)
        except Disconnected:
            await send({"type": "http.response.start", "status": 400, "headers": []})  # nobody reads it
            await send({"type": "http.response.body", "body": b""})
            return
        await self._send(response, client, scope[ABORT], send)
        await body.discard()

    def _client(self, scope: Scope, headers: Headers) -> str:
        peer = scope["client"][0] if scope["client"] else ""
        return client_network(client_address(peer, headers.get("x-forwarded-for", ""), hops=self._proxy_hops))

    async def _response(self, scope: Scope, headers: Headers, body: RequestBody, client: str) -> Response:
        if self._changes is None:
            return await self._read_and_run(scope, headers, body, client)
        known = self._changes.answer(scope, headers)
        if known is not None:
            return known
        response = await self._read_and_run(scope, headers, body, client)
        self._changes.note_response(scope, headers, response.status)
        return response

    async def _read_and_run(self, scope: Scope, headers: Headers, body: RequestBody, client: str) -> Response:
        """Read the body, then run the application in a thread."""
        with self._held.holder(client) as holder:
            try:
                async with asyncio.timeout(READ_SECONDS) as deadline:
                    holder.cut = partial(end_now, deadline)
                    environ = await self._environ(scope, headers, body, holder)
            except TimeoutError:
                return OVERLOADED if holder.is_cut else TOO_SLOW
            content = environ["wsgi.input"]
            response = await self._run(environ, body.size, holder)
            content.close()  # not after a cancellation: the thread may still read it
            return response

    async def _run(self, environ: "WSGIEnvironment", size: int, holder: Holder) -> Response:
        run = partial(call_application, self._application, environ)
        job = self._threads.submit(holder.client, size, run)
        holder.cut = partial(self._threads.withdraw, job, OVERLOADED)
        deadline = asyncio.get_running_loop().call_later(WAIT_SECONDS, holder.cut)
        try:
            return await job.answer
        finally:
            deadline.cancel()

    async def _environ(self, scope: Scope, headers: Headers, body: RequestBody, holder: Holder) -> "WSGIEnvironment":
        def grown(size: int) -> None:
            self._held.add(holder, size if body.size <= MOST_IN_MEMORY else size // DISK_SHARE)

        announced = headers.get("content-length", "")
        try:
            content = await body.read(limit=self._limit(scope["path"]), announced=announced, grown=grown)
        except TooLarge:
            return environ_of(scope, headers, None)
        if headers.get("content-type", "").lower().startswith(FORM) and has_many_fields(content, body.size):
            content.close()
            return environ_of(scope, headers, None)
        return environ_of(scope, headers, content, size=body.size)

    async def _send(self, response: Response, client: str, abort: Callable[[], None], send: Send) -> None:
        """Send a response piece by piece. Close the connection of a client that does not read it in time."""
        deadline = asyncio.get_running_loop().call_later(SEND_SECONDS, abort)
        try:
            await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
            if response.size <= PIECE:
                await send({"type": "http.response.body", "body": response.body})
            else:
                await self._send_pieces(response, client, abort, send)
        finally:
            deadline.cancel()

    async def _send_pieces(self, response: Response, client: str, abort: Callable[[], None], send: Send) -> None:
        with self._held.holder(client) as holder:
            holder.cut = abort
            self._held.add(holder, response.size)
            for start in range(0, response.size, PIECE):
                piece, more = response.body[start : start + PIECE], start + PIECE < response.size
                await send({"type": "http.response.body", "body": piece, "more_body": more})


def end_now(deadline: asyncio.Timeout) -> None:
    """Let a deadline end now, if it has not ended yet."""
    with contextlib.suppress(RuntimeError):
        deadline.reschedule(asyncio.get_running_loop().time())
