"""What one client can hold: bytes, connections and threads; and who counts as one client."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from sync_service.web.server.client_address import client_address, client_network
from sync_service.web.server.held_bytes import HeldBytes
from sync_service.web.server.open_connections import OpenConnections
from sync_service.web.server.response import Response, text_response
from sync_service.web.server.threads import LARGE_REQUEST, SPARE, Job, RequestThreads
from tests.support.run_async import run_async
from tests.support.wait_until import until


@pytest.mark.parametrize(
    ("forwarded", "hops", "client"),
    [
        ("203.0.113.7", 0, "10.0.0.1"),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", 2, "198.51.100.1"),
        ("203.0.113.7", 2, "10.0.0.1"),
        ("", 1, "10.0.0.1"),
        (" , ", 1, "10.0.0.1"),
        ("::ffff:203.0.113.7", 1, "203.0.113.7"),
        ("::ffff:cb00:7107", 1, "203.0.113.7"),
        ("2001:db8::7", 1, "2001:db8::7"),
        ("203.0.113.7:5678", 1, "203.0.113.7"),
        ("[2001:db8::7]:5678", 1, "2001:db8::7"),
        ("[2001:db8::7]", 1, "2001:db8::7"),
        ("[::ffff:203.0.113.7]:5678", 1, "203.0.113.7"),
        ("203.0.113.7:port", 1, "203.0.113.7:port"),
    ],
)
def test_the_client_is_the_one_that_trusted_proxies_name(forwarded: str, hops: int, client: str) -> None:
    """Without proxies the header is anybody's invention; too short a list means that it did not pass them all."""
    assert client_address("10.0.0.1", forwarded, hops=hops) == client


def test_an_ipv4_client_on_a_socket_for_both_families_is_known_by_its_ipv4_address() -> None:
    """With trusted proxies, and without."""
    assert client_address("::ffff:10.0.0.1", "", hops=0) == "10.0.0.1"
    assert client_address("::1", "", hops=0) == "::1"


def test_one_ipv6_network_is_one_client() -> None:
    """A host may use all its addresses."""
    assert (
        client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2::ffff") != client_network("2001:db8:1:3::")
    )
    assert client_network("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_network("[2001:db8:1:2::3]:1") == client_network("[2001:db8:1:2::3]:2") == "2001:db8:1:2::/64"
    assert client_network("192.0.2.1:1") == client_network("192.0.2.1:2") == "192.0.2.1"
    assert client_network("fe80::1%eth0") == "fe80::/64"
    assert client_network("x" * 1000) == "x" * 45


def test_the_client_that_holds_most_loses_its_oldest_request() -> None:
    """Others keep theirs, whenever they came."""
    held, cut = HeldBytes(100), list[str]()
    with ExitStack() as open_requests:

        def hold(client: str, name: str, size: int) -> None:
            holder = open_requests.enter_context(held.holder(client))
            holder.cut = lambda: cut.append(name)
            held.add(holder, size)

        hold("good", "first", 30)
        hold("bad", "second", 30)
        hold("bad", "third", 30)
        assert cut == []
        hold("bad", "fourth", 30)
        assert (cut, held.total) == (["second"], 90)
        hold("good", "fifth", 50)  # now this one holds most, until it has lost one
        assert cut == ["second", "first", "third"]
    assert held.total == 0


def test_bytes_of_ended_requests_are_given_back() -> None:
    """Also those of a request that was cut off."""
    held = HeldBytes(10)
    with held.holder("one") as holder:
        holder.cut = lambda: None
        held.add(holder, 11)
        assert (holder.is_cut, held.total) == (True, 0)
        held.add(holder, 5)
    assert held.total == 0


@dataclass(eq=False)
class FakeConnection:
    """A connection that records its end."""

    client: str
    active_at: float
    idle: bool = True
    aborted: list[float] = field(default_factory=list)

    def abort(self) -> None:
        """Record it."""
        self.aborted.append(self.active_at)


def test_the_client_with_most_connections_loses_its_quietest_one() -> None:
    """A new connection is never refused for it."""
    connections = OpenConnections(most=3)
    opened = [FakeConnection("bad", 2), FakeConnection("bad", 1), FakeConnection("good", 0), FakeConnection("good", 9)]
    for one in opened:
        connections.add(one)
    assert [bool(one.aborted) for one in opened] == [False, True, False, False]
    assert len(connections) == 3
    for one in opened:
        connections.remove(one)
    assert len(connections) == 0


OK = Response(200, [], b"ok")


def run_jobs(scenario: Callable[[RequestThreads], Awaitable[None]], count: int) -> None:
    """Run a scenario with threads for `count` requests of one client."""

    async def run() -> None:
        await scenario(RequestThreads(count))

    run_async(run())


class Gate:
    """A request that runs until it is let go, and counts those that run at the same time."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = list[str]()

    def job(self, name: str) -> Callable[[], Response]:
        """Return a request with a name."""

        def run() -> Response:
            self.started.append(name)
            assert self.go.wait(10)
            return OK

        return run


def test_one_client_cannot_hold_all_threads() -> None:
    """Its other requests wait, and those of others run at once."""

    async def scenario(threads: RequestThreads) -> None:
        gate = Gate()
        jobs = [threads.submit("bad", 1, gate.job("bad")) for _ in range(20)]
        await asyncio.to_thread(until, lambda: len(gate.started) == 2, "two of them run")
        good = threads.submit("good", 1, lambda: OK)
        assert await asyncio.wait_for(good.answer, 10) is OK
        assert gate.started == ["bad"] * 2
        gate.go.set()
        assert [await job.answer for job in jobs] == [OK] * 20

    assert SPARE > 0
    run_jobs(scenario, 2)


@pytest.mark.slow
def test_large_bodies_run_one_after_the_other() -> None:
    """Small ones pass them."""

    async def scenario(threads: RequestThreads) -> None:
        gate = Gate()
        large = [threads.submit(f"client {number}", LARGE_REQUEST + 1, gate.job("large")) for number in range(3)]
        small = threads.submit("client 0", 1, lambda: OK)
        assert await asyncio.wait_for(small.answer, 10) is OK
        assert gate.started == ["large"]
        gate.go.set()
        assert [await job.answer for job in large] == [OK] * 3

    run_jobs(scenario, 2)


def test_a_request_that_waits_can_be_withdrawn_and_one_that_runs_runs_on() -> None:
    """Its client gets the given answer instead."""
    late = text_response(503, "late")

    async def scenario(threads: RequestThreads) -> None:
        gate = Gate()
        runs: list[Job] = [threads.submit("one", 1, gate.job("runs"))]
        await asyncio.to_thread(until, lambda: gate.started == ["runs"], "it runs")
        waits = threads.submit("one", 1, gate.job("waits"))
        for job in (*runs, waits):
            threads.withdraw(job, late)
        assert await waits.answer is late
        gate.go.set()
        assert await runs[0].answer is OK
        assert gate.started == ["runs"]

    run_jobs(scenario, 1)


def test_an_exception_of_a_request_reaches_who_waits_for_it() -> None:
    """The thread goes on with the next request."""

    def fail() -> Response:
        raise ValueError("broken")

    async def scenario(threads: RequestThreads) -> None:
        with pytest.raises(ValueError, match="broken"):
            await threads.submit("one", 1, fail).answer
        assert await threads.submit("one", 1, lambda: OK).answer is OK

    run_jobs(scenario, 1)
