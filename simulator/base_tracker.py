"""What both simulated trackers share: an HTTP server on loopback, a webhook sender, a clock and a lock."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Self

from werkzeug.http import http_date
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from simulator.clock import Clock, SteppedClock
from simulator.endless_lists import EndlessList
from simulator.http_server import ServerThread
from simulator.rest_server import RestServer, View
from simulator.webhook_delivery import Delivery
from simulator.webhook_sender import WebhookSender


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # as the real trackers: connections are kept alive

    def log(self, *_line: object) -> None:
        pass  # the library logs each request to stderr, where the demo writes

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)  # without the machine's time: a response has the tracker's


class BaseTracker(ABC):
    """A running tracker: `webhooks` sends its webhooks, `rest` answers REST calls, `url` is its base URL.

    `endless` says how its lists do not end; None: they do.
    The port is taken at once, so that `url` is known before `start`. Use as a context manager, or `start` and `stop`.
    """

    def __init__(self, *, clock: Clock, webhooks: WebhookSender, port: int) -> None:
        self.clock = clock
        self.webhooks = webhooks
        self.endless: EndlessList | None = None
        self.rest = RestServer(
            self._views(),
            pages=self._pages(),
            forms=self._forms(),
            admit=self._admit,
            problem=self._problem,
            finish=self._finish,
        )
        self._lock = threading.RLock()
        self._depth = 0
        self._server = make_server("127.0.0.1", port, self.rest, threaded=True, request_handler=_Quiet)
        self._serving: ServerThread | None = None
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def _views(self) -> Mapping[tuple[str, str], View]: ...

    @abstractmethod
    def _pages(self) -> Mapping[str, View]: ...

    def _forms(self) -> Mapping[str, View]:
        return {}

    @abstractmethod
    def _admit(self, request: Request) -> Response | None: ...

    @abstractmethod
    def _problem(self, status: int) -> Response: ...

    def _finish(self, _request: Request, response: Response) -> Response:
        response.headers["Date"] = http_date(self.clock())
        return response

    def start(self) -> Self:
        """Serve REST calls and deliver webhooks from now on."""
        self._serving = ServerThread(self._server, name="simulated tracker")
        self.webhooks.start()
        return self

    def stop(self) -> None:
        """Stop serving and delivering: no thread is left and the port is free."""
        self.webhooks.stop()
        if self._serving is not None:
            self._serving.stop()
            self._serving = None
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def deliveries(self) -> list[Delivery]:
        """The delivery log, oldest first."""
        return list(self.webhooks.deliveries)

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until all queued webhooks were tried; raise `TimeoutError`."""
        self.webhooks.flush(timeout)

    @contextmanager
    def changing(self) -> Iterator[datetime]:
        """Change the tracker's state under its lock; yield the present time.

        Answers to REST calls wait for the end of the change, so that none sees half of it.
        """
        with self._lock:
            self._depth += 1
            try:
                yield self.clock()
            finally:
                self._depth -= 1
            outermost = self._depth == 0
        if outermost:
            self.webhooks.deliver_queued()

    @contextmanager
    def past(self) -> Iterator[SteppedClock]:
        """Make changes in the past: each happens at the time of the yielded clock, and no webhook is sent.

        Begin with the oldest one: issues are listed and numbered as they are made.
        """
        with self._lock:
            present, self.clock = self.clock, SteppedClock(self.clock())
            self.webhooks.muted = True
            try:
                yield self.clock
            finally:
                self.clock, self.webhooks.muted = present, False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read the state under the lock, so that nobody changes it meanwhile."""
        with self._lock:
            yield
