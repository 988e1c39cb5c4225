"""The RQ worker and its one job: drain a table.

RQ would call any function by name, so the worker allows only this one. Redis lists a worker only while it runs.
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

from sync_service.runtime.call_thread import CallThread
from sync_service.runtime.drains import CALLS_TRACKERS
from sync_service.runtime.memory import collect_less_often
from sync_service.runtime.wakeup import JOB, QUEUE
from sync_service.runtime.wiring import Services

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
REGISTERED_SECONDS = 20
"""How long Redis lists a worker after its last heartbeat: three later heartbeats may be missed."""

IDLE_SECONDS = 30
"""RQ's `worker_ttl`: an idle worker waits 15 s less for a job, and notices 10 s later that Redis hangs."""

STOP_SECONDS = 5.0
"""How long a worker that stops waits for the calls to trackers that are under way."""

_services: list[Services] = []
_call_threads: list[CallThread] = []


class DrainJobsOnly(Job):
    """A job that runs only the drain, also if somebody else put it into Redis."""

    @property
    def func(self) -> Any:
        """Return the drain; raise `ValueError` for any other function."""
        if self.func_name != JOB:
            raise ValueError(f"refusing to run {self.func_name!r}: only {JOB} is allowed")
        return drain


class KnownWorker(SimpleWorker):
    """A worker that registers again at each heartbeat, at work as well as idle.

    RQ's own worker registers once, is lost after a `FLUSHALL`, and is counted for minutes after its death.
    """

    max_connection_wait_time = 5.0  # RQ's default, a minute, would delay the first jobs after Redis is back

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stopping = threading.Event()
        self._heartbeat_thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def register_birth(self) -> None:
        """Register, and start the heartbeat."""
        super().register_birth()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        self._heartbeat_thread.start()

    def register_death(self) -> None:
        """Stop the heartbeat, and unregister."""
        self._stopping.set()
        self._heartbeat_thread.join(timeout=1)
        super().register_death()  # type: ignore[no-untyped-call]  # as above

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Stay registered for `REGISTERED_SECONDS`, not as long as RQ asks: heartbeats continue while a job runs."""
        del timeout
        super().heartbeat(REGISTERED_SECONDS, pipeline)

    def _beat(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            try:
                with self.connection.pipeline() as pipeline:
                    worker_registration.register(self, pipeline)
                    pipeline.hset(self.key, mapping=self.serialize())
                    self.heartbeat(pipeline=pipeline)
                    pipeline.execute()
            except RedisError as error:
                log.warning("Redis does not answer; this worker is not counted until it does", error=str(error))


def count_workers(redis: Redis) -> int:
    """Count the live workers, on all machines. Raise `RedisError`."""
    keys = worker_registration.get_keys(Queue(QUEUE, connection=redis))
    return int(redis.exists(*keys)) if keys else 0


def drain(name: str) -> None:
    """Drain one table, then wake the workers for the tables that became due.

    A table whose drain calls trackers is left to this worker's thread, so that the next job can be a delivery's.
    """
    services = _services[0]
    services.wakeup.clear_flag(name)
    if name in CALLS_TRACKERS:
        _call_threads[0].request(name)
        return
    services.drains.drain(name)
    services.wakeup.wake(services.drains.due())


def work(services: Services) -> None:
    """Run an RQ worker in this process until it gets a stop signal."""
    collect_less_often()
    calls = CallThread(services.drains, services.wakeup)
    _services[:], _call_threads[:] = [services], [calls]
    calls.start()
    worker = KnownWorker(
        [QUEUE], connection=services.redis, job_class=DrainJobsOnly, serializer=JSONSerializer, worker_ttl=IDLE_SECONDS
    )
    try:
        worker.work(logging_level="WARNING")
    finally:
        calls.stop(STOP_SECONDS)
