"""Serve HTTP in a thread until `stop`.

`serve_forever` polls for its end; this thread waits on a socket and stops at once.
"""

import selectors
import socket
import threading
from socketserver import TCPServer


class ServerThread:
    """Runs a server from its creation until `stop`. The caller closes the server."""

    def __init__(self, server: TCPServer, *, name: str) -> None:
        self._server = server
        self._server.timeout = 0  # do not wait for a caller that has gone away
        self._stop_receiver, self._stop_sender = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Accept no more requests; requests that run in their own threads continue."""
        self._stop_sender.close()
        self._thread.join()
        self._stop_receiver.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            stop_key = selector.register(self._stop_receiver, selectors.EVENT_READ)
            selector.register(self._server, selectors.EVENT_READ)
            while stop_key not in [key for key, _ in selector.select()]:
                self._server.handle_request()
