"""The doorbell: Redis only makes happen sooner what a row says must happen.

A ring enqueues one job for a table, unless one is already on its way: a flag with a time to live says so, and the drain
removes it before its first claim. So a row stored after that is rung for again, and a lost job delays nothing for long.
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
JOB = "sync_service.jobs.drain"
AWAY_SECONDS = 5.0
"""How long nobody tries to ring after Redis did not answer: the clock drains meanwhile."""


class Doorbell:
    """Rings for tables with due rows. Never raises for Redis being away, and never waits for it twice in a row."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        self._away_until = 0.0

    def ring(self, names: Iterable[str]) -> bool:
        """Ring for tables by name; tell whether Redis answered."""
        if time.monotonic() < self._away_until:
            return False
        try:
            for name in names:
                if self._redis.set(_flag(name), "1", nx=True, ex=FLAG_SECONDS):
                    self._queue.enqueue(JOB, name, result_ttl=0, failure_ttl=3600, job_timeout=300)
        except RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("Redis does not answer; the clock goes on alone", error=str(error))
            return False
        return True

    def answered(self, name: str) -> None:
        """Take the flag away, before the drain's first claim."""
        try:
            self._redis.delete(_flag(name))
        except RedisError as error:
            log.warning("Redis does not answer; the flag will expire", error=str(error))


def _flag(name: str) -> str:
    return f"okr-sync:rung:{name}"


REST_SECONDS = 0.05
"""How long a ringer rests after a ring: a surge of deliveries is one ring twenty times a second, not one for each."""


class Ringer(threading.Thread):
    """Rings from a thread of its own, so that no request ever waits for Redis. Many requests make one ring."""

    def __init__(self, doorbell: Doorbell) -> None:
        super().__init__(name="ringer", daemon=True)
        self._doorbell = doorbell
        self._asked: set[str] = set()
        self._wanted = threading.Condition()

    def ring(self, *names: str) -> None:
        """Ask for tables to be rung for soon; returns at once."""
        with self._wanted:
            self._asked.update(names)
            self._wanted.notify()

    def run(self) -> None:
        """Ring whenever asked."""
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._asked)
                names, self._asked = self._asked, set()
            self._doorbell.ring(sorted(names))
            time.sleep(REST_SECONDS)
