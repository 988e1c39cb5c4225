"""The REST server of both simulated trackers: routing, a log of calls, and injected faults."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

View = Callable[..., Response]
"""Answers one request; takes the request and the parts of its path by name."""


@dataclass(frozen=True)
class Call:
    """One request that was answered."""

    method: str
    path: str
    status: int


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response as both trackers write it."""
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, status=status, headers=dict(headers or {}), content_type="application/json; charset=utf-8")


@cache
def _url_map(routes: tuple[tuple[str, str], ...]) -> Map:
    """Build the URL map. It is costly, and the same for every tracker of a kind."""
    return Map([Rule(path, methods=[method], endpoint=(method, path)) for method, path in routes])


class RestServer:
    """A WSGI application. `admit` gets each request first and may answer it, for example for bad credentials.

    `pages`, by path, are for people and open to all, and so are `forms`, which they send. `problem(status)` writes the
    body of an error as the tracker does; `finish` gets each response last.
    """

    def __init__(
        self,
        views: Mapping[tuple[str, str], View],
        *,
        pages: Mapping[str, View],
        admit: Callable[[Request], Response | None],
        problem: Callable[[int], Response],
        finish: Callable[[Request, Response], Response],
        forms: Mapping[str, View] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self._admit = admit
        self._problem = problem
        self._finish = finish
        self._pages = {("GET", path): view for path, view in pages.items()}
        self._pages |= {("POST", path): view for path, view in (forms or {}).items()}
        self._views = {**views, **self._pages}
        self._map = _url_map(tuple(self._views))
        self._faults: deque[tuple[int, Mapping[str, str]]] = deque()
        self._slowness = 0.0
        self._lock = threading.Lock()

    def answer_next(self, status: int, *, times: int = 1, retry_after: int | None = None) -> None:
        """Answer the next requests with this status; `retry_after` is in seconds."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        with self._lock:
            self._faults.extend([(status, headers)] * times)

    def slow_down(self, seconds: float) -> None:
        """Wait so long before each response; 0 switches it off."""
        self._slowness = seconds

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a WSGI request."""
        request = Request(environ)
        time.sleep(self._slowness)
        response = self._finish(request, self._answer(request))
        with self._lock:
            self.calls.append(Call(request.method, request.path, response.status_code))
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        with self._lock:
            fault = self._faults.popleft() if self._faults else None
        if fault is not None:
            response = self._problem(fault[0])
            response.headers.extend(fault[1])
            return response
        try:
            endpoint, path_args = self._map.bind_to_environ(request.environ).match()
        except HTTPException as error:
            return self._problem(error.code or 404)
        refusal = None if endpoint in self._pages else self._admit(request)
        return refusal or self._views[endpoint](request, **path_args)
