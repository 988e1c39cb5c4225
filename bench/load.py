"""Load generator: keep-alive connections that each post one delivery after the other and wait for the response."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.payloads import Payload

CONNECTIONS = 16
TIMEOUT_SECONDS = 30.0


@dataclass(slots=True)
class Load:
    """Result of a load: the seconds of each response, and of the whole."""

    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return acknowledged deliveries per second."""
        return len(self.waits) / self.seconds

    def wait(self, share: float) -> float:
        """Return the milliseconds within which a share of the deliveries was acknowledged."""
        return sorted(self.waits)[min(int(share * len(self.waits)), len(self.waits) - 1)] * 1000


def post_all(port: int, payloads: Iterable[Payload], *, connections: int = CONNECTIONS) -> Load:
    """Post deliveries as fast as they are acknowledged. Raise `RuntimeError` when one is not answered with 202."""
    load, queue = Load(), _RequestQueue(iter([_request_of(payload) for payload in payloads]))
    began = time.perf_counter()
    threads = [threading.Thread(target=_post, args=(port, queue, load)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - began
    if load.errors:
        raise RuntimeError(f"{len(load.errors)} deliveries were not acknowledged, the first with {load.errors[0]}")
    return load


@dataclass(slots=True)
class _RequestQueue:
    """Requests shared by several connections."""

    requests: Iterator[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> bytes | None:
        """Return the next request; None at the end."""
        with self.lock:
            return next(self.requests, None)


def _request_of(payload: Payload) -> bytes:
    """Return the whole HTTP request as bytes, so that posting costs the client little."""
    headers = {**payload.headers, "Host": "127.0.0.1", "Content-Length": str(len(payload.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /hooks/gh HTTP/1.1\r\n{head}\r\n".encode() + payload.body


def _post(port: int, queue: _RequestQueue, load: Load) -> None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := queue.next()) is not None:
                began = time.perf_counter()
                connection.sendall(request)
                answer = _read_response(connection)
                load.waits.append(time.perf_counter() - began)
                if not answer.startswith(b"HTTP/1.1 202"):
                    load.errors.append(answer[:200].decode("latin-1"))
    except OSError as error:
        load.errors.append(repr(error))


def _read_response(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _receive(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += _receive(connection)
    return answer


def _receive(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("the server closed the connection")
    return piece
