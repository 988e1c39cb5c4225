"""A response as bytes: from the WSGI application, or one of the server's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)


def text_response(status: int, text: str) -> Response:
    """Return a short response of the server itself, after which the connection is closed."""
    body = text.encode()
    headers = [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Connection", b"close"),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    return Response(status, headers, body)


def call_application(application: "WSGIApplication", environ: "WSGIEnvironment") -> Response:
    """Run a WSGI application in this thread and return its whole response."""
    status, headers, written = 500, list[tuple[bytes, bytes]](), list[bytes]()

    def start_response(
        line: str, pairs: list[tuple[str, str]], _error: ExceptionInfo | None = None, /
    ) -> "type[list[bytes]] | object":
        nonlocal status, headers
        status = int(line[:3])
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        return written.append

    pieces = application(environ, start_response)  # type: ignore[arg-type]
    try:
        body = b"".join([*written, *pieces])
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    if not any(name.lower() == b"content-length" for name, _ in headers) and status not in (204, 304):
        headers.append((b"Content-Length", str(len(body)).encode()))
    return Response(status, headers, body)
