"""Workers are counted while they live: idle or busy, also after Redis was emptied or killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from sync_service.runtime.wakeup import QUEUE, Wakeup
from sync_service.runtime.worker import DrainJobsOnly, count_workers
from tests.support.servers import Valkey
from tests.support.wait_until import until

WORK = """
import sys, time
from dataclasses import replace
from pathlib import Path
from sync_service.runtime import worker
from sync_service.runtime.drains import Drains
from tests.support.services import build_services

worker.BEAT_SECONDS, worker.REGISTERED_SECONDS = 0.1, 1
directory = Path(sys.argv[1])
services = build_services(f"sqlite:///{directory / 'okr.db'}", directory, REDIS_URL=sys.argv[2])

def drain_for_long():
    (directory / "started").touch()
    while not (directory / "enough").exists():
        time.sleep(0.02)
    return 0

worker.work(replace(services, drains=Drains(engine=services.engine, by_table={"fetch_request": drain_for_long})))
"""


@contextmanager
def worker(directory: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker with short heartbeats, whose drain runs until a file exists."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", WORK, str(directory), url], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def counted(url: str) -> int | None:
    """Return the number of workers, or None while Redis does not answer."""
    with Redis.from_url(url) as client:
        try:
            return count_workers(client)
        except redis.ConnectionError:
            return None


def states(url: str) -> list[str]:
    """Return the state of each known worker, as RQ names it."""
    with Redis.from_url(url, decode_responses=True) as client:
        return [str(client.hget(str(key), "state")) for key in client.keys("rq:worker:*")]


@pytest.mark.slow
@pytest.mark.only_in_test_all
def test_a_worker_is_counted_while_it_lives(tmp_path: Path, own_valkey: Valkey) -> None:
    """It registers again by itself, stays counted while busy, and is no longer counted soon after `kill -9`."""
    url = own_valkey.url
    with worker(tmp_path, url) as process:
        until(lambda: counted(url) == 1, "it is counted")
        with Redis.from_url(url) as client:
            client.flushall()
        assert counted(url) == 0
        until(lambda: counted(url) == 1, "it is counted after Redis was emptied")
        own_valkey.kill()
        own_valkey.start()
        until(lambda: counted(url) == 1, "it is counted after Redis was killed")
        with Redis.from_url(url) as client:
            until(lambda: Wakeup(client).wake(["fetch_request"]) and (tmp_path / "started").exists(), "it works")
            for _ in range(15):  # longer than a heartbeat counts
                client.blpop(["nothing"], timeout=0.1)
                assert counted(url) == 1
        process.kill()
        until(lambda: counted(url) == 0, "it is no longer counted")


@pytest.mark.slow
@pytest.mark.only_in_test_all
def test_a_stopped_worker_is_no_longer_counted(tmp_path: Path, redis_url: str) -> None:
    """A late heartbeat does not register it again."""
    with worker(tmp_path, redis_url) as process:
        until(lambda: states(redis_url) == ["idle"], "it waits for work, and so for signals")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert counted(redis_url) == 0


def test_the_worker_refuses_any_other_job(redis_url: str) -> None:
    """RQ would call any function by its name."""
    with Redis.from_url(redis_url) as client:
        queue = Queue(QUEUE, connection=client, serializer=JSONSerializer)
        job = DrainJobsOnly.fetch(queue.enqueue("os.getcwd").id, connection=client, serializer=JSONSerializer)
        with pytest.raises(ValueError, match=r"refusing to run 'os\.getcwd'"):
            _ = job.func
