"""Load: connections kept open, each posting one letter after the other and waiting for its answer."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.letters import Letter

CONNECTIONS = 16
PATIENCE = 30.0


@dataclass(slots=True)
class Load:
    """What came of a load: seconds that each answer took, and how long the whole took."""

    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0
    mistakes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Give acknowledged letters for each second."""
        return len(self.waits) / self.seconds

    def wait(self, share: float) -> float:
        """Give the milliseconds within which a share of the letters was acknowledged."""
        return sorted(self.waits)[min(int(share * len(self.waits)), len(self.waits) - 1)] * 1000


def post_all(port: int, letters: Iterable[Letter], *, connections: int = CONNECTIONS) -> Load:
    """Post letters as fast as they are acknowledged. Raises `RuntimeError` where one is not acknowledged with 202."""
    load, taken = Load(), Taken(iter([request_of(letter) for letter in letters]))
    began = time.perf_counter()
    threads = [threading.Thread(target=_post, args=(port, taken, load)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - began
    if load.mistakes:
        raise RuntimeError(f"{len(load.mistakes)} letters were not acknowledged, the first with {load.mistakes[0]}")
    return load


@dataclass(slots=True)
class Taken:
    """Requests that several connections take from."""

    requests: Iterator[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> bytes | None:
        """Give the next one; None at the end."""
        with self.lock:
            return next(self.requests, None)


def request_of(letter: Letter) -> bytes:
    """Write the whole request, so that posting costs the client little."""
    headers = {**letter.headers, "Host": "127.0.0.1", "Content-Length": str(len(letter.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /hooks/gh HTTP/1.1\r\n{head}\r\n".encode() + letter.body


def _post(port: int, taken: Taken, load: Load) -> None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := taken.next()) is not None:
                began = time.perf_counter()
                connection.sendall(request)
                answer = _answer(connection)
                load.waits.append(time.perf_counter() - began)
                if not answer.startswith(b"HTTP/1.1 202"):
                    load.mistakes.append(answer[:200].decode("latin-1"))
    except OSError as error:
        load.mistakes.append(repr(error))


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += _more(connection)
    return answer


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("the server closed the connection")
    return piece
