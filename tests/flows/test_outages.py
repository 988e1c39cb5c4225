"""What a running service must survive, and which processes must not remain."""

import signal
from pathlib import Path

import pytest
import requests

from tests.flows.scenarios import SECRET, Trackers, configuration, make_trackers, slug_of
from tests.flows.service import processes_in, running
from tests.support.servers import Valkey
from tests.support.skip_guard import NOT_LINUX
from tests.support.wait_until import until

pytestmark = pytest.mark.slow


def stop(trackers: Trackers) -> None:
    """Stop the trackers."""
    for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
        tracker.stop()


def test_a_delivery_changes_the_value_without_redis(tmp_path: Path, own_valkey: Valkey) -> None:
    """Redis is killed under the running service. The rows stay, and the scheduler drains them."""
    trackers, slug = make_trackers(), slug_of("github", "closed")
    scenarios = trackers.scenarios["github"]
    try:
        with running(tmp_path, configuration(trackers), settings={"REDIS_URL": own_valkey.url}) as service:
            for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
                tracker.start()
            trackers.hub.add_hook(url=service.hook("github"), secret=SECRET)
            scenarios.create("one", slug)
            service.wait_for_value(slug, 0)
            own_valkey.kill()
            trackers.clock.step()
            scenarios.finish("one")
            trackers.hub.flush()
            assert trackers.hub.deliveries[-1].status == 202
            service.wait_for_value(slug, 100)
            ready = requests.get(f"{service.address}/readyz", timeout=20)
            assert ready.status_code == 200
            assert ready.json()["redis"].startswith("does not answer")
    finally:
        stop(trackers)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason=NOT_LINUX)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.only_in_test_all(number=signal.SIGTERM)
def test_up_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    """Web, worker, scheduler and the private Redis end with the command."""
    trackers = make_trackers()
    stop(trackers)
    with running(tmp_path, configuration(trackers)) as service:
        command_lines = " ".join(processes_in(tmp_path).values())
        for word in (" up ", "okr-sync web]", "rq:worker", "okr-sync clock", "valkey"):
            assert word in command_lines
        process = service.service.process
        assert process is not None
        process.send_signal(number)
        assert process.wait(20) == 0
        assert processes_in(tmp_path) == {}
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{service.address}/healthz", timeout=5)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason=NOT_LINUX)
def test_no_process_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """A killed supervisor can stop nothing, so the kernel signals its processes."""
    trackers = make_trackers()
    stop(trackers)
    with running(tmp_path, configuration(trackers)) as service:
        process = service.service.process
        assert process is not None
        process.kill()
        process.wait(20)
        until(lambda: not processes_in(tmp_path), "all parts are gone")
