"""Wake workers through Redis: enqueue one deduplicated drain job for a table with due rows.

The rows in the database are the truth; Redis only starts the work sooner. A job is enqueued for a table unless one is
already on its way: a flag with a time to live says so, and the drain removes it before its first claim. So a row stored
after that gets a new wakeup, and a lost job costs a few seconds at most.
"""

import threading
import time
from collections.abc import Iterable

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger(__name__)

QUEUE = "okr-sync"
FLAG_SECONDS = 5
JOB = "sync_service.runtime.worker.drain"
AWAY_SECONDS = 5.0
"""How long Redis is not called after it did not answer: the scheduler drains meanwhile."""


class Wakeup:
    """Wakes workers for tables with due rows.

    Never raises when Redis is away, and never waits for it twice in a row.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        self._away_until = 0.0

    def wake(self, names: Iterable[str]) -> bool:
        """Enqueue a drain for each named table; return whether Redis answered."""
        if time.monotonic() < self._away_until:
            return False
        try:
            for name in names:
                if self._redis.set(_flag(name), "1", nx=True, ex=FLAG_SECONDS):
                    self._queue.enqueue(JOB, name, result_ttl=0, failure_ttl=3600, job_timeout=300)
        except RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("Redis does not answer; the scheduler drains the tables itself", error=str(error))
            return False
        return True

    def clear_flag(self, name: str) -> None:
        """Remove the flag, before the drain's first claim."""
        try:
            self._redis.delete(_flag(name))
        except RedisError as error:
            log.warning("Redis does not answer; the flag will expire", error=str(error))


def _flag(name: str) -> str:
    return f"okr-sync:rung:{name}"


SPACING_SECONDS = 0.05
"""Shortest time between two wakeups: a burst of deliveries makes twenty wakeups a second, not one for each delivery."""


class WakeupThread(threading.Thread):
    """Sends wakeups from its own thread, so that no request waits for Redis. Many requests share one wakeup."""

    def __init__(self, wakeup: Wakeup) -> None:
        super().__init__(name="ringer", daemon=True)
        self._wakeup = wakeup
        self._requested: set[str] = set()
        self._condition = threading.Condition()

    def request(self, *names: str) -> None:
        """Request a wakeup for tables; return at once."""
        with self._condition:
            self._requested.update(names)
            self._condition.notify()

    def run(self) -> None:
        """Send wakeups whenever they are requested."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._requested)
                names, self._requested = self._requested, set()
            self._wakeup.wake(sorted(names))
            time.sleep(SPACING_SECONDS)
