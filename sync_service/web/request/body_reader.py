"""Answer 400 when a request's body breaks while it is read: a malformed chunk, a lost connection.

Every server raises errors of its own then, which Flask would answer with 500.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from werkzeug.exceptions import BadRequest, HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

T = TypeVar("T")


class BodyReader:
    """A WSGI application whose requests have bodies that raise `BadRequest`."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a WSGI request."""
        environ["wsgi.input"] = Body(environ["wsgi.input"])
        return self._app(environ, start_response)


class Body:
    """The `wsgi.input` of a request, as PEP 3333 describes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, *size: int) -> bytes:
        """Read bytes."""
        return _read(self._stream.read, *size)

    def readline(self, *size: int) -> bytes:
        """Read a line."""
        return _read(self._stream.readline, *size)

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines."""
        return _read(self._stream.readlines, *hint)

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines."""
        return iter(self.readline, b"")


def _read(read: Callable[..., T], *arguments: Any) -> T:
    try:
        return read(*arguments)
    except HTTPException:
        raise
    except Exception as error:
        raise BadRequest("The body of the request is malformed or incomplete.") from error
