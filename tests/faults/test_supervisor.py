"""Hard cases of the supervisor: a second start, a start after `kill -9`, leftovers, a process that can't start."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sync_service.runtime.instance_lock import ProcessView, read_process_status
from sync_service.runtime.redis_server import answers, client_for, private_server
from sync_service.store.engine.migrate import migrate
from tests.faults.oracle_check import furnish
from tests.faults.service import Service, lives
from tests.faults.workload import Workload
from tests.support.servers import Valkey
from tests.support.wait_until import until

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Yield an embedded service that is not started yet."""
    made = Service(tmp_path, {})
    services = made.services()
    migrate(services.engine)
    furnish(services)
    services.engine.dispose()
    yield made
    made.stop()


def waiting(service: Service) -> int:
    """Return the number of waiting deliveries."""
    (rows,) = [one for one in service.status()["rows"] if one["table"] == "delivery"]
    found: int = rows["due"] + rows["later"]
    return found


def test_up_after_kill_9_waits_for_the_port_and_applies_what_was_acknowledged(service: Service) -> None:
    """A request that is still being sent keeps the old web process alive for seconds; the next start replaces it."""
    service.start()
    history = Workload(5)
    deliveries = [history.next() for _ in range(40)]
    history.close()
    with socket.create_connection(("127.0.0.1", service.port)) as slow:
        slow.sendall(b"POST /hooks/gh HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        for delivery in deliveries:
            url = f"{service.address}/hooks/{delivery.connection}"
            assert requests.post(url, data=delivery.body, headers=dict(delivery.headers), timeout=10).status_code == 202
        left = service.tree("web", "worker 1", "worker 2", "clock", "redis")
        service.kill_supervisor()
        service.start()
    until(lambda: not any(map(lives, left)), "the processes of the first start are gone")
    until(lambda: waiting(service) == 0, "all is applied", seconds=90)


@pytest.mark.only_in_test_all
def test_a_process_that_exits_repeatedly_is_shown_in_the_status(service: Service) -> None:
    """Redis can't read its own file: the status shows its exits, and that it runs after the fix."""
    data = service.directory / "var"
    torn = data / "appendonlydir" / "appendonly.aof.manifest"
    torn.parent.mkdir(parents=True)
    torn.write_text("torn")
    service.start()
    until(lambda: redis_of(data).deaths >= 3, "three deaths are noted")
    processes = {one["name"]: one for one in service.status()["parts"]}
    assert (processes["redis"]["deaths"] >= 3, processes["redis"]["code"]) == (True, 1)
    for name in ("web", "clock"):
        assert (processes[name]["pid"], processes[name]["deaths"]) == (service.pids[name], 0)
    torn.unlink()
    until(lambda: answers(private_server(data)), "Redis answers")
    until(lambda: redis_of(data).pid, "Redis is known to run")
    assert "times in a row, most recently with exit code 1" in service.run("status").stdout

    service.kill_supervisor()
    assert service.status()["parts"] is None


def redis_of(data: Path) -> ProcessView:
    """Return the status of the private Redis."""
    return next(one for one in read_process_status(data) or () if one.name == "redis")


@pytest.mark.only_in_test_all
def test_a_leftover_valkey_is_replaced_and_a_second_up_refused(service: Service) -> None:
    """A Redis of an earlier start is stopped. A second start names the running process before it checks the port."""
    leftover = Valkey(private_server(service.directory / "var"))
    leftover.start()
    assert leftover.process is not None
    service.start()
    assert leftover.process.wait(timeout=10) == 0
    with client_for(leftover.server, seconds=5) as client:
        assert client.info("server")["process_id"] == service.pids["redis"]

    assert service.process is not None
    second = service.run("up", "--port", str(service.port))
    assert second.returncode == 1
    assert f"already runs on {service.directory / 'var'} (process {service.process.pid})" in second.stderr
    assert "OKR_SYNC_DATA_DIR" in second.stderr
