"""A WSGI application on a port of loopback, for a browser to visit."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from simulator.serving import Serving

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Threaded(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread, and closes its answer also where the browser went away before its end.

    werkzeug's own server leaves the file of such an answer open. Closing it waits for no thread: a browser opens
    connections ahead of time, and may send nothing by them.
    """

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Answers without a line for each request."""

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing."""


@contextmanager
def serving(app: "WSGIApplication") -> Iterator[str]:
    """Serve an application, and give its address; whoever visits leaves before the end."""
    with make_server("127.0.0.1", 0, app, server_class=Threaded, handler_class=Quiet) as server:
        running = Serving(server, name="site")
        yield f"http://127.0.0.1:{server.server_port}"
        running.stop()
