"""Send webhooks: in order and in the background, with retries, or with faults that a test injects."""

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
from simulator.webhook_delivery import Attempt, Delivery, Fault, RetryPolicy, WebhookRequest


class WebhookSender:
    """Sends the webhooks of a simulated tracker.

    With `background`, a thread of its own delivers one request after the other; without, the operation that caused them
    delivers them before it returns. Requests queued before `start` wait for it. Retries and delays are measured by
    `seconds`; after a manual clock was moved, call `send_due`.
    """

    def __init__(
        self,
        *,
        background: bool = True,
        retries: RetryPolicy | None = None,
        timeout: float = 10.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self.muted = False
        self.background = background
        self.timeout = timeout
        self._retries = retries
        self._seconds = seconds
        self._changed = threading.Condition()
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._sequence = itertools.count()
        self._held: list[Delivery] | None = None
        self._faults: deque[tuple[Fault, float]] = deque()
        self._in_flight = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    # Start and stop

    def start(self) -> None:
        """Start to deliver in the background."""
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

    # For the trackers

    def send(self, request: WebhookRequest, *, redelivery: bool = False) -> Delivery:
        """Log a request and queue or hold it, with the next injected fault unless it is a redelivery.

        Do nothing while `muted`.
        """
        if self.muted:
            return Delivery(request=request, fault=Fault.NONE)
        with self._changed:
            fault, delay = self._faults.popleft() if self._faults and not redelivery else (Fault.NONE, 0.0)
            delivery = Delivery(request=request, fault=fault, delay=delay, redelivery=redelivery)
            self._queue(delivery)
            if fault is Fault.DUPLICATE:
                self._queue(Delivery(request=request, fault=fault))
            return delivery

    def deliver_queued(self) -> None:
        """Without a background thread: deliver all that is queued in this one."""
        if not self.background:
            while (delivery := self._claim(wait=False)) is not None:
                self._attempt(delivery)

    # For tests and the demo

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until every queued request was tried; held, delayed and retried ones don't count.

        Raise `TimeoutError` after `timeout` seconds.
        """
        self.deliver_queued()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._ready and not self._in_flight, timeout):
                raise TimeoutError(f"{len(self._ready) + self._in_flight} deliveries were not tried within {timeout} s")

    def hold(self) -> None:
        """Keep new webhook requests back until `release`."""
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
                held[position].fault = Fault.LOST
            self._ready.extend(held[position] for position in positions)
            self._changed.notify_all()
        self.deliver_queued()

    def lose_next(self, count: int = 1) -> None:
        """Never deliver the next webhook requests; they stay in the log and can be redelivered."""
        self._expect(Fault.LOST, count)

    def duplicate_next(self, count: int = 1) -> None:
        """Deliver each of the next webhook requests twice under the same id."""
        self._expect(Fault.DUPLICATE, count)

    def delay_next(self, seconds: float, count: int = 1) -> None:
        """Delay the next webhook requests, signed when queued: later ones may overtake them.

        Without a background thread they arrive with the first operation after that time, or by `retry_now`.
        """
        self._expect(Fault.DELAYED, count, delay=seconds)

    def truncate_next(self, count: int = 1) -> None:
        """Deliver only the first half of the next webhook requests' bodies."""
        self._expect(Fault.TRUNCATED, count)

    def forge_next(self, count: int = 1) -> None:
        """Deliver the next webhook requests with a wrong signature."""
        self._expect(Fault.FORGED, count)

    def unsign_next(self, count: int = 1) -> None:
        """Deliver the next webhook requests without a signature."""
        self._expect(Fault.UNSIGNED, count)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a logged request again under the same id, whole and well signed."""
        again = self.send(delivery.request, redelivery=True)
        self.deliver_queued()
        return again

    def send_due(self) -> None:
        """Send what is due, after a manual clock was moved."""
        with self._changed:
            self._queue_due()
            self._changed.notify_all()
        self.deliver_queued()

    def retry_now(self) -> int:
        """Send at once what waits for a retry or is delayed; return how many."""
        with self._changed:
            waiting, self._waiting = sorted(self._waiting), []
            self._ready.extend(delivery for _, _, delivery in waiting)
            self._changed.notify_all()
        self.deliver_queued()
        return len(waiting)

    # Inside

    def _expect(self, fault: Fault, count: int, *, delay: float = 0.0) -> None:
        with self._changed:
            self._faults.extend([(fault, delay)] * count)

    def _queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if delivery.fault is Fault.LOST:
            return
        if delivery.fault is Fault.DELAYED:
            heapq.heappush(self._waiting, (self._seconds() + delivery.delay, next(self._sequence), delivery))
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
                self._queue_due()
                if self._ready:
                    self._in_flight += 1
                    return self._ready.popleft()
                if not wait:
                    return None
                until = self._waiting[0][0] - self._seconds() if self._waiting else inf
                self._changed.wait(None if until == inf else until)
            return None

    def _queue_due(self) -> None:
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
                heapq.heappush(self._waiting, (due, next(self._sequence), delivery))
            self._in_flight -= 1
            self._changed.notify_all()

    def _post(self, delivery: Delivery) -> tuple[int | None, str]:
        headers = delivery.headers(self._retries.header if self._retries else None)
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.post(
                    delivery.request.url,
                    data=delivery.body,
                    headers=headers,
                    timeout=self.timeout,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                return None, type(error).__name__
        return answer.status_code, ""
