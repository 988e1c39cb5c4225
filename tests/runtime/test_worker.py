"""Workers are counted as long as they live: idle, at work, after Redis was emptied or killed, and not after that."""

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
from tests.support.services import build_house

worker.BEAT_SECONDS, worker.ALIVE_SECONDS = 0.1, 1
room = Path(sys.argv[1])
house = build_house(f"sqlite:///{room / 'house.db'}", room, REDIS_URL=sys.argv[2])

def drain_for_long():
    (room / "begun").touch()
    while not (room / "enough").exists():
        time.sleep(0.02)
    return 0

worker.work(replace(house, drains=Drains(engine=house.engine, by_table={"fetch_request": drain_for_long})))
"""


@contextmanager
def worker(room: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in haste, whose work takes as long as it is told to."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", WORK, str(room), url], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def counted(url: str) -> int | None:
    """Count the workers; None while Redis does not answer."""
    with Redis.from_url(url) as client:
        try:
            return count_workers(client)
        except redis.ConnectionError:
            return None


def states(url: str) -> list[str]:
    """Give what each known worker does, in RQ's words."""
    with Redis.from_url(url, decode_responses=True) as client:
        return [str(client.hget(str(key), "state")) for key in client.keys("rq:worker:*")]


@pytest.mark.slow
def test_a_worker_is_counted_as_long_as_it_lives(tmp_path: Path, own_valkey: Valkey) -> None:
    """It registers again by itself, is known while its work takes long, and forgotten soon after `kill -9`."""
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
            until(lambda: Wakeup(client).wake(["fetch_request"]) and (tmp_path / "begun").exists(), "it works")
            for _ in range(15):  # longer than a heartbeat counts
                client.blpop(["nothing"], timeout=0.1)
                assert counted(url) == 1
        process.kill()
        until(lambda: counted(url) == 0, "it is forgotten")


@pytest.mark.slow
def test_a_worker_that_is_asked_to_stop_is_forgotten_at_once(tmp_path: Path, redis_url: str) -> None:
    """And does not come back by a late beat of its heart."""
    with worker(tmp_path, redis_url) as process:
        until(lambda: states(redis_url) == ["idle"], "it waits for work, and so for signals")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert counted(redis_url) == 0


def test_the_worker_refuses_any_other_job(redis_url: str) -> None:
    """RQ would call any function by name."""
    with Redis.from_url(redis_url) as client:
        queue = Queue(QUEUE, connection=client, serializer=JSONSerializer)
        job = DrainJobsOnly.fetch(queue.enqueue("os.getcwd").id, connection=client, serializer=JSONSerializer)
        with pytest.raises(ValueError, match=r"refusing to run 'os\.getcwd'"):
            _ = job.func
