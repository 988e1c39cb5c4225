"""The one RQ job: drain a table. RQ would call any function by name, so the worker allows only this one.

And the worker itself, which Redis knows exactly as long as it lives.
"""

import threading
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer

from sync_service.doorbell import JOB, QUEUE
from sync_service.wiring import House

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
ALIVE_SECONDS = 20
"""How long Redis knows a worker after its last heartbeat: three more may be late."""

IDLE_SECONDS = 30
"""RQ's `worker_ttl`: an idle worker waits for a job 15 s less than that, and notices 10 s later that Redis hangs."""

_house: list[House] = []


class OnlyOurs(Job):
    """A job that refuses to be anything but a drain, whoever put it into Redis."""

    @property
    def func(self) -> Any:
        """Give the drain; raise for any other function."""
        if self.func_name != JOB:
            raise ValueError(f"refusing to run {self.func_name!r}: only {JOB} is allowed")
        return drain


class KnownWorker(SimpleWorker):
    """A worker that registers at each of its heartbeats, at work as well as idle.

    RQ's own registers once, is forgotten by a `FLUSHALL`, and is counted for minutes after its death.
    """

    max_connection_wait_time = 5.0  # RQ's minute would keep it from the first jobs after Redis is back

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._end = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heart", daemon=True)

    def register_birth(self) -> None:
        """Begin to beat."""
        super().register_birth()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        self._heart.start()

    def register_death(self) -> None:
        """Beat no more, and be forgotten."""
        self._end.set()
        self._heart.join(timeout=1)
        super().register_death()  # type: ignore[no-untyped-call]  # as above

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Be known for some seconds more, however long RQ asks for: the next beat does not wait for the job's end."""
        del timeout
        super().heartbeat(ALIVE_SECONDS, pipeline)

    def _beat(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            try:
                with self.connection.pipeline() as pipeline:
                    worker_registration.register(self, pipeline)
                    pipeline.hset(self.key, mapping=self.serialize())
                    self.heartbeat(pipeline=pipeline)
                    pipeline.execute()
            except RedisError as error:
                log.warning("Redis does not answer; this worker is not counted meanwhile", error=str(error))


def count_workers(redis: Redis) -> int:
    """Count the workers that live, on any machine. Raises `RedisError`."""
    keys = worker_registration.get_keys(Queue(QUEUE, connection=redis))
    return int(redis.exists(*keys)) if keys else 0


def drain(name: str) -> None:
    """Drain one table, then ring for whatever that made due."""
    house = _house[0]
    house.doorbell.answered(name)
    house.drains.drain(name)
    house.doorbell.ring(house.drains.due())


def work(house: House) -> None:
    """Run an RQ worker in this process until it is told to stop."""
    _house[:] = [house]
    worker = KnownWorker(
        [QUEUE], connection=house.redis, job_class=OnlyOurs, serializer=JSONSerializer, worker_ttl=IDLE_SECONDS
    )
    worker.work(logging_level="WARNING")
