"""Answering in a thread until told to stop.

`serve_forever` looks only every so often whether it ought to stop; this is told, and stops at once.
"""

import selectors
import socket
import threading
from socketserver import TCPServer


class Serving:
    """Runs a server from the moment it is made until `stop`. Closing the server is left to whoever made it."""

    def __init__(self, server: TCPServer, *, name: str) -> None:
        self._server = server
        self._server.timeout = 0  # a caller that went away again is not waited for
        self._told, self._tell = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests. What is being answered in threads of its own goes on."""
        self._tell.close()
        self._thread.join()
        self._told.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            told = selector.register(self._told, selectors.EVENT_READ)
            selector.register(self._server, selectors.EVENT_READ)
            while told not in [key for key, _ in selector.select()]:
                self._server.handle_request()
