"""A webhook receiver that records requests and answers with chosen statuses."""

import json
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from simulator.http_server import ServerThread


@dataclass(frozen=True)
class Received:
    """One request; header names are as they came."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The payload, from a JSON body or from a form's field `payload`."""
        if self.headers["Content-Type"] == "application/x-www-form-urlencoded":
            return json.loads(parse_qs(self.body.decode())["payload"][0])
        return json.loads(self.body)

    @property
    def name(self) -> str:
        """The event name, as in `issues.closed` or `jira:issue_updated`."""
        if "webhookEvent" in self.json:
            return str(self.json["webhookEvent"])
        event = self.headers["X-GitHub-Event"]
        return f"{event}.{self.json['action']}" if "action" in self.json else event


class Receiver:
    """Listens on loopback while used as a context manager; `answers` are the next statuses, then always 202."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: deque[int] = deque()
        receiver = self

        class Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers.items()), body))
                self.send_response(receiver.answers.popleft() if receiver.answers else 202)
                self.end_headers()

            def log_message(self, *_line: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/here"

    def __enter__(self) -> Self:
        self._serving = ServerThread(self._server, name="receiver")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._serving.stop()
        self._server.server_close()

    @property
    def names(self) -> list[str]:
        """The names of all events, in the order of arrival."""
        return [each.name for each in self.received]

    @property
    def last(self) -> Any:
        """The JSON of the last request."""
        return self.received[-1].json

    def forget(self) -> None:
        """Drop what was received so far, so that a test sees only its own change."""
        self.received.clear()
