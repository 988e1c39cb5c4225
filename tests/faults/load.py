"""Load: several senders post deliveries, some twice, some late, some without retry, and record every response."""

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import requests

from tests.faults.workload import SignedDelivery, Workload

SENDERS = 3
RETRY_SECONDS = 90.0
"""Seconds for which a sender retries one delivery."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one attempt: `status` is None without a response. `at` is monotonic time in seconds."""

    delivery_id: str
    at: float
    status: int | None


@dataclass(slots=True)
class LoadGenerator:
    """Senders that post the deliveries of one history."""

    history: Workload
    address: str
    seed: int
    pause: float = 0.05
    sent: list[SignedDelivery] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _senders: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(SENDERS):
            chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - a seed makes it repeatable
            self._senders.append(threading.Thread(target=self._send_all, args=(chance,)))
            self._senders[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for sender in self._senders:
            sender.join()
        assert self.errors == []

    def acknowledged(self) -> set[str]:
        """Return the ids of deliveries that were answered 202 at least once."""
        return {answer.delivery_id for answer in self.answers if answer.status == 202}

    def count(self, status: int | None) -> int:
        """Return the number of attempts with this status."""
        return sum(answer.status == status for answer in self.answers)

    def _send_all(self, chance: random.Random) -> None:
        try:
            late: list[SignedDelivery] = []
            while not self._end.wait(self.pause * chance.random() * 2):
                delivery = self._next()
                if chance.random() < 0.15:
                    late.append(delivery)
                    continue
                self._deliver(delivery, chance)
                if late and chance.random() < 0.2:
                    self._deliver(late.pop(chance.randrange(len(late))), chance)
            for delivery in late:
                self._deliver(delivery, chance)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _next(self) -> SignedDelivery:
        with self._lock:
            self.sent.append(self.history.next())
            return self.sent[-1]

    def _deliver(self, delivery: SignedDelivery, chance: random.Random) -> None:
        """Retry until it is accepted; one in ten is tried only once, as GitHub does; one in ten is sent twice."""
        behaviour = chance.random()
        deadline = time.monotonic() + RETRY_SECONDS
        while self._post(delivery) != 202 and behaviour > 0.1:
            assert time.monotonic() < deadline, f"{delivery.id} was not accepted within {RETRY_SECONDS} s"
            time.sleep(0.1)
        if behaviour > 0.9:
            self._post(delivery)

    def _post(self, delivery: SignedDelivery) -> int | None:
        status = None
        url = f"{self.address}/hooks/{delivery.connection}"
        with contextlib.suppress(requests.RequestException):
            status = requests.post(url, data=delivery.body, headers=dict(delivery.headers), timeout=15).status_code
        with self._lock:
            self.answers.append(Answer(delivery.id, time.monotonic(), status))
        return status
