"""Compression of responses: pages and JSON as they are sent, static files once.

The length of a compressed page reveals no secret (BREACH): pages show values from the request beside a CSRF token, but
the token's signature changes every second, and the session is only in the cookie.
"""

from flask import Flask, Request, Response, request
from flask_compress import Compress

ALGORITHMS = ["zstd", "br", "gzip"]


class StaticFileCache:
    """The compressed static files of this process."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return a compressed file; None for pages, and for files that were not asked for yet."""
        return self._files.get(key)

    def set(self, key: str, value: bytes) -> None:
        """Keep a compressed file; drop anything else."""
        if not key.endswith(";"):
            self._files[key] = value


def install(app: Flask) -> None:
    """Compress the responses of an application; call it before other functions that change responses are installed."""
    app.config.update(
        COMPRESS_ALGORITHM=ALGORITHMS,
        COMPRESS_REGISTER=False,
        COMPRESS_CACHE_BACKEND=StaticFileCache,
        COMPRESS_CACHE_KEY=_cache_key,
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,
    )
    compress = Compress(app)

    def compress_whole(response: Response) -> Response:
        if response.status_code != 200 and response.direct_passthrough:  # a range of a file, or nothing of it
            return response
        if response.is_streamed:  # a static file
            response.direct_passthrough = False
            response.get_data()
        return compress.after_request(response)

    app.after_request(compress_whole)


def _cache_key(asked: Request) -> str:
    """Return the key of a static file; an empty one for anything else."""
    return asked.path if request.endpoint == "static" else ""
