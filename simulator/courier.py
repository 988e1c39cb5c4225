"""Hands webhooks over to their receivers: in order and in the background, or as badly as a test asks for."""

import heapq
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf

import requests

from simulator.clock import real_clock
from simulator.delivery import Attempt, Delivery, Mishap, Parcel, Retries


class Courier:
    """The webhook side of a simulated tracker.

    With `background`, a thread of its own delivers one parcel after the other; without, the operation that caused them
    delivers them before it returns. Parcels taken before `start` wait for it. Retries and delays are waited for by
    `seconds`; where that is a clock moved by hand, `let_time_pass` tells of it.
    """

    def __init__(
        self,
        *,
        background: bool = True,
        retries: Retries | None = None,
        timeout: float = 10.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self.background = background
        self.timeout = timeout
        self._retries = retries
        self._seconds = seconds
        self._changed = threading.Condition()
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._turn = itertools.count()
        self._held: list[Delivery] | None = None
        self._mishaps: deque[tuple[Mishap, float]] = deque()
        self._in_flight = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    # Its life

    def start(self) -> None:
        """Begin to deliver in the background."""
        if self.background:
            self._thread = threading.Thread(target=self._run, name="simulated webhooks", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the attempt in flight; what is still queued stays undelivered."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    # What the trackers do

    def take(self, parcel: Parcel, *, redelivery: bool = False) -> Delivery:
        """Log a parcel and queue it, or hold it; the next mishap in line befalls it unless it is a redelivery."""
        with self._changed:
            mishap, delay = self._mishaps.popleft() if self._mishaps and not redelivery else (Mishap.NONE, 0.0)
            delivery = Delivery(parcel=parcel, mishap=mishap, delay=delay, redelivery=redelivery)
            self._queue(delivery)
            if mishap is Mishap.DUPLICATE:
                self._queue(Delivery(parcel=parcel, mishap=mishap))
            return delivery

    def settle(self) -> None:
        """Without a background thread: deliver in this one all that is queued."""
        if not self.background:
            while (delivery := self._claim(wait=False)) is not None:
                self._attempt(delivery)

    # What tests and the demo ask for

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until every queued parcel was tried; held and delayed ones and those that wait for a retry don't count.

        Raises `TimeoutError` after `timeout` seconds.
        """
        self.settle()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._ready and not self._in_flight, timeout):
                raise TimeoutError(f"{len(self._ready) + self._in_flight} deliveries were not tried within {timeout} s")

    def hold(self) -> None:
        """Keep new parcels back until `release`."""
        with self._changed:
            self._held = self._held or []

    @property
    def held(self) -> list[Delivery]:
        """What is being kept back, oldest first."""
        with self._changed:
            return list(self._held or [])

    def release(self, *, order: Sequence[int] | None = None, seed: int | None = None) -> None:
        """Send what was held: oldest first, or in the `order` of positions given, or shuffled by `seed`.

        Positions left out of `order` are lost. Nothing is held any more.
        """
        with self._changed:
            held, self._held = self._held or [], None
            positions = list(range(len(held))) if order is None else list(order)
            if seed is not None:
                random.Random(seed).shuffle(positions)  # noqa: S311  an order that can be repeated, not a secret
            for position in set(range(len(held))) - set(positions):
                held[position].mishap = Mishap.LOST
            self._ready.extend(held[position] for position in positions)
            self._changed.notify_all()
        self.settle()

    def lose_next(self, count: int = 1) -> None:
        """Never deliver the next parcels; they stay in the log and can be redelivered."""
        self._expect(Mishap.LOST, count)

    def duplicate_next(self, count: int = 1) -> None:
        """Deliver each of the next parcels twice under the same id."""
        self._expect(Mishap.DUPLICATE, count)

    def delay_next(self, seconds: float, count: int = 1) -> None:
        """Let the next parcels be on their way for so long, signed as they left: later ones may overtake them.

        Without a background thread they arrive with the first operation after that time, or by `retry_now`.
        """
        self._expect(Mishap.DELAYED, count, delay=seconds)

    def truncate_next(self, count: int = 1) -> None:
        """Deliver only the first half of the next parcels' bodies."""
        self._expect(Mishap.TRUNCATED, count)

    def forge_next(self, count: int = 1) -> None:
        """Deliver the next parcels with a wrong signature."""
        self._expect(Mishap.FORGED, count)

    def unsign_next(self, count: int = 1) -> None:
        """Deliver the next parcels without a signature."""
        self._expect(Mishap.UNSIGNED, count)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a logged parcel again under the same id, whole and well signed."""
        again = self.take(delivery.parcel, redelivery=True)
        self.settle()
        return again

    def let_time_pass(self) -> None:
        """Send what is due by now, after a clock was moved by hand."""
        with self._changed:
            self._take_due()
            self._changed.notify_all()
        self.settle()

    def retry_now(self) -> int:
        """Try at once what waits for a retry, and let arrive what is delayed; gives how many that were."""
        with self._changed:
            waiting, self._waiting = sorted(self._waiting), []
            self._ready.extend(delivery for _, _, delivery in waiting)
            self._changed.notify_all()
        self.settle()
        return len(waiting)

    # Inside

    def _expect(self, mishap: Mishap, count: int, *, delay: float = 0.0) -> None:
        with self._changed:
            self._mishaps.extend([(mishap, delay)] * count)

    def _queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if delivery.mishap is Mishap.LOST:
            return
        if delivery.mishap is Mishap.DELAYED:
            heapq.heappush(self._waiting, (self._seconds() + delivery.delay, next(self._turn), delivery))
            self._changed.notify_all()
            return
        if self._held is not None and not delivery.redelivery:
            self._held.append(delivery)
            return
        self._ready.append(delivery)
        self._changed.notify_all()

    def _run(self) -> None:
        while (delivery := self._claim(wait=True)) is not None:
            self._attempt(delivery)

    def _claim(self, *, wait: bool) -> Delivery | None:
        with self._changed:
            while not self._stopping:
                self._take_due()
                if self._ready:
                    self._in_flight += 1
                    return self._ready.popleft()
                if not wait:
                    return None
                until = self._waiting[0][0] - self._seconds() if self._waiting else inf
                self._changed.wait(None if until == inf else until)
            return None

    def _take_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._seconds():
            self._ready.append(heapq.heappop(self._waiting)[2])

    def _attempt(self, delivery: Delivery) -> None:
        status, reason = self._post(delivery)
        with self._changed:
            number, now = len(delivery.attempts), real_clock()
            attempt = Attempt(number=number, at=now, monotonic=time.monotonic(), status=status, reason=reason)
            delivery.attempts.append(attempt)
            if not attempt.accepted and self._retries is not None and self._retries.applies(delivery):
                delay = self._retries.delay()
                due = inf if delay is None else self._seconds() + delay
                heapq.heappush(self._waiting, (due, next(self._turn), delivery))
            self._in_flight -= 1
            self._changed.notify_all()

    def _post(self, delivery: Delivery) -> tuple[int | None, str]:
        headers = delivery.headers(self._retries.header if self._retries else None)
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.post(
                    delivery.parcel.url,
                    data=delivery.body,
                    headers=headers,
                    timeout=self.timeout,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                return None, type(error).__name__
        return answer.status_code, ""
