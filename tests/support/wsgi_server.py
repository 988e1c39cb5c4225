"""Serve a WSGI application on a loopback port, for a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from simulator.http_server import ServerThread

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread, and closes the response even when the browser disconnects early.

    werkzeug's own server leaves the file of such a response open. Stopping waits for no thread: a browser opens
    connections in advance, and may send nothing on them.
    """

    daemon_threads = True


class SilentHandler(WSGIRequestHandler):
    """Handles requests without logging them."""

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name is the standard library's
        """Log nothing."""


@contextmanager
def serving(app: "WSGIApplication") -> Iterator[str]:
    """Serve an application until the end of the block, and yield its URL."""
    with make_server("127.0.0.1", 0, app, server_class=ThreadingServer, handler_class=SilentHandler) as server:
        running = ServerThread(server, name="site")
        yield f"http://127.0.0.1:{server.server_port}"
        running.stop()
