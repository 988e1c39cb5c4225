"""What a service must survive, and what it must not leave behind."""

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


def test_a_delivery_moves_the_value_while_redis_is_away(tmp_path: Path, own_valkey: Valkey) -> None:
    """Redis is killed under the running service and kept away; the rows are still there, and the clock drains them."""
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
def test_up_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    """Web, worker, clock and the private Redis are gone when the command is."""
    trackers = make_trackers()
    stop(trackers)
    with running(tmp_path, configuration(trackers)) as service:
        parts = " ".join(processes_in(tmp_path).values())
        for bucket in (" up ", "okr-sync web]", "rq:worker", "okr-sync clock", "valkey"):
            assert bucket in parts
        process = service.service.process
        assert process is not None
        process.send_signal(number)
        assert process.wait(20) == 0
        assert processes_in(tmp_path) == {}
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{service.address}/healthz", timeout=5)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason=NOT_LINUX)
def test_nothing_outlives_an_up_that_was_killed(tmp_path: Path) -> None:
    """Killed outright, it can ask nobody to stop; the kernel does."""
    trackers = make_trackers()
    stop(trackers)
    with running(tmp_path, configuration(trackers)) as service:
        process = service.service.process
        assert process is not None
        process.kill()
        process.wait(20)
        until(lambda: not processes_in(tmp_path), "all parts are gone")
