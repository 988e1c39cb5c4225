"""Slow and hostile clients of one address: deliveries of others are acknowledged, and memory stays bounded.

The times and the memory are asserted in long runs only (`make faults`); they depend on the machine.
"""

import contextlib
import hashlib
import hmac
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests
import yaml

from sync_service.runtime.wiring import Services
from sync_service.store.engine.migrate import migrate
from tests.faults.conftest import LONG
from tests.faults.oracle_check import furnish
from tests.faults.service import Service, children
from tests.faults.workload import OKRS, Workload

pytestmark = [pytest.mark.slow, pytest.mark.only_in_test_all]

CONNECTIONS = 200
DELIVERIES = 200 if LONG else 40
SLOWEST = 1.0  # seconds, at p99
MOST_MEMORY = 400  # MB of all processes of the service; what they share counts once
FORM = "application/x-www-form-urlencoded"
SECRET: str = yaml.safe_load(OKRS)["connections"][0]["webhook_secrets"][0]


@pytest.fixture
def history() -> Iterator[Workload]:
    """Yield a history of deliveries."""
    made = Workload(1)
    yield made
    made.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run the embedded service, with as many workers as it has by default."""
    running = Service(tmp_path, {}, workers=1)
    services: Services = running.services()
    migrate(services.engine)
    furnish(services)
    services.engine.dispose()
    services.redis.close()
    running.start()
    yield running
    running.stop()


FIRST_BYTES = {
    "nothing": b"",
    "half a head": b"POST /hooks/gh HTTP/1.1\r\nHost: x\r\n",
    "half a body": b"POST /hooks/gh HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
    "half a form": b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 9000\r\n\r\na="
    % FORM.encode(),
    "half a chunk": b"POST /hooks/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\nx",
    "no reading": b"GET /static/vendor/tabler.min.css HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
}


@contextlib.contextmanager
def slow_connections(service: Service, first: bytes) -> Iterator[None]:
    """Hold connections open that send these bytes and then a byte every second, and read nothing."""
    end = threading.Event()
    with contextlib.ExitStack() as opened:
        held = []
        for _ in range(CONNECTIONS):
            held.append(opened.enter_context(socket.create_connection(("127.0.0.1", service.port))))
            held[-1].sendall(first)
        trickle = threading.Thread(target=_trickle, args=(held, end))
        trickle.start()
        try:
            yield
        finally:
            end.set()
            trickle.join()


def _trickle(held: Sequence[socket.socket], end: threading.Event) -> None:
    while not end.wait(1.0):
        for one in held:
            with contextlib.suppress(OSError):
                one.send(b"x", socket.MSG_DONTWAIT)


def send_deliveries(service: Service, history: Workload) -> list[float]:
    """Send signed deliveries one after the other; return the seconds until each was acknowledged."""
    waits = []
    for _ in range(DELIVERIES):
        delivery = history.next()
        began = time.perf_counter()
        url = f"{service.address}/hooks/{delivery.connection}"
        answer = requests.post(url, data=delivery.body, headers=dict(delivery.headers), timeout=30)
        waits.append(time.perf_counter() - began)
        assert answer.status_code == 202, answer.text
    return waits


def assert_fast(waits: Sequence[float], during: str) -> None:
    """Print the 99th percentile, and assert it in a long run."""
    slowest = statistics.quantiles(waits, n=100)[98]
    print(f"{during}: p50 {statistics.median(waits):.3f} s, p99 {slowest:.3f} s")  # noqa: T201  # what a fault run shows
    assert not LONG or slowest < SLOWEST


@pytest.mark.parametrize("first", FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_slow_connections_delay_no_delivery(service: Service, history: Workload, first: bytes) -> None:
    """None of them takes a thread: not before its request is whole, and not while it does not read."""
    with slow_connections(service, first):
        assert_fast(send_deliveries(service, history), f"{CONNECTIONS} connections that sent {first[:20]!r}…")


def hostile_bodies() -> Iterator[tuple[str, str, bytes, bool]]:
    """Yield path, content type, body, and whether it is signed."""
    large = b"a=b&" * 50_000_000
    yield "/hooks/a/b/c", FORM, large, False
    yield "/hooks/gh", FORM, large[:26_000_000], False
    yield "/hooks/gh", "application/json", large[:25_000_000], False
    yield "/sign-in", FORM, large[:24_000_000], False
    yield "/sign-in", FORM, b"email=" + b"x" * 900_000, False
    yield "/sign-in", FORM, b"a&" * 400_000, False
    yield "/hooks/gh", "application/json", b"[" * 96_000 + b"]" * 96_000, True
    yield "/hooks/gh", "application/json", b'{"a":[' + b"[]," * 8_000_000 + b"1]}", True
    yield "/hooks/gh", "application/json", b'{"a":[' + b'{"a":{}},' * 2_600_000 + b"1]}", True
    yield "/hooks/gh", "application/json", '{"a":"🙂'.encode() + b"x" * 24_000_000 + b'"}', True
    yield "/hooks/gh", "application/json", b'{"a":"\\ud83d\\ude42' + b"x" * 24_000_000 + b'"}', True


def send_hostile(service: Service, path: str, content_type: str, body: bytes, *, signed: bool) -> None:
    """Send a body, whatever the answer."""
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex() if signed else "0" * 64
    headers = {
        "Content-Type": content_type,
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": hashlib.sha256(body).hexdigest(),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    with contextlib.suppress(requests.RequestException):
        requests.post(service.address + path, data=body, headers=headers, timeout=60)


def memory(service: Service) -> float:
    """Return the megabytes of all processes; a page that several share counts once."""
    assert service.process is not None
    total, waiting = 0.0, [service.process.pid]
    while waiting:
        pid = waiting.pop()
        waiting += children(pid)
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def test_hostile_bodies_take_bounded_memory(service: Service, history: Workload) -> None:
    """All of them at once, several times, while deliveries go on."""
    peak, end = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not end.wait(0.1):
            peak = max(peak, memory(service))

    watcher = threading.Thread(target=watch)
    watcher.start()
    senders = [
        threading.Thread(target=send_hostile, args=(service, path, kind, body), kwargs={"signed": signed})
        for path, kind, body, signed in hostile_bodies()
        for _ in range(3 if LONG else 1)
    ]
    for sender in senders:
        sender.start()
    waits = send_deliveries(service, history)
    for sender in senders:
        sender.join()
    time.sleep(5.0 if LONG else 1.0)  # workers parse what was stored
    end.set()
    watcher.join()
    print(f"memory at most {peak:.0f} MB, in the end {memory(service):.0f} MB")  # noqa: T201  # as above
    print(f"hostile bodies: p50 {statistics.median(waits):.3f} s")  # noqa: T201  # as above
    assert not LONG or peak < MOST_MEMORY
