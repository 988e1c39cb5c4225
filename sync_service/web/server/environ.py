"""The WSGI environment of a request that was read whole."""

import io
import sys
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from werkzeug.wsgi import FileWrapper

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FILE_PIECE = 1024 * 1024

Scope = Mapping[str, Any]
"""An ASGI scope: https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope"""

Headers = Mapping[str, str]
"""Request headers by their lower-case name; values of a repeated header are joined."""

TOO_LARGE = "okr_sync.too_large"
"""The key of the WSGI environment that is true when the body is too large; it is left out then."""


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of an ASGI scope. Names with an underscore would look like other headers: they are dropped."""
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:
            continue
        joint = "; " if name == "cookie" else ","
        found[name] = f"{found[name]}{joint}{value}" if name in found else value
    return found


def environ_of(scope: Scope, headers: Headers, body: IO[bytes] | None, *, size: int = 0) -> "WSGIEnvironment":
    """Return the WSGI environment (PEP 3333), with a body of `size` bytes; without one where it is too large."""
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope["root_path"],
        "PATH_INFO": path_of(scope["raw_path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(size) if body is not None else "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO() if body is None else body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": in_large_pieces,
        TOO_LARGE: body is None,
    }
    for name, value in headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name != "content-length":
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def in_large_pieces(file: IO[bytes], _size: int = 0) -> FileWrapper:
    """Return a file as a response: its pieces are joined anyway, so few large ones take less time."""
    return FileWrapper(file, FILE_PIECE)


def path_of(raw: bytes) -> str:
    """Return the path as WSGI wants it: the unquoted bytes as Latin-1. Take it out of a whole address (RFC 9112)."""
    path = raw if raw.startswith((b"/", b"*")) else urlsplit(raw).path or b"/"
    return unquote_to_bytes(path).decode("latin-1")
