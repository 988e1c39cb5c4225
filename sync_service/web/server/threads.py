"""The threads that run requests: one client never has all of them, and large bodies go one after the other."""

import asyncio
import contextlib
import gc
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

from sync_service.web.server.response import Response

SPARE = 2
"""Threads beyond those that one client may have, for all others."""

LARGE_REQUEST = 1024 * 1024
"""A body of more bytes is large: its request waits until no other large one runs, because each copy costs memory."""


@dataclass(eq=False, slots=True)
class Job:
    """A request that waits for a thread or runs; `answer` is set in the event loop."""

    client: str
    size: int
    run: Callable[[], Response]
    answer: asyncio.Future[Response]

    @property
    def is_large(self) -> bool:
        """Whether the body is large."""
        return self.size > LARGE_REQUEST


@dataclass(slots=True)
class RequestThreads:
    """Threads that take the waiting requests of all clients by rotation; one client has `count` of them at most."""

    count: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: SimpleQueue[None] = field(default_factory=SimpleQueue)  # each lets one idle thread check what waits
    _waiting: dict[str, deque[Job]] = field(default_factory=dict)  # by client, the next one first
    _running: Counter[str] = field(default_factory=Counter)
    _large_runs: bool = False
    _started: bool = False

    def submit(self, client: str, size: int, run: Callable[[], Response]) -> Job:
        """Let a thread run a request with a body of `size` bytes; call it in the event loop."""
        job = Job(client, size, run, asyncio.get_running_loop().create_future())
        if not self._started:
            self._start()
        with self._lock:
            self._waiting.setdefault(client, deque()).append(job)
        self._calls.put(None)
        return job

    def withdraw(self, job: Job, answer: Response) -> None:
        """Answer a request that still waits; let one that runs run on. Call it in the event loop."""
        with self._lock:
            jobs = self._waiting.get(job.client, deque())
            if job not in jobs:
                return
            jobs.remove(job)
            if not jobs:
                del self._waiting[job.client]
        _answer(job.answer, answer)

    def _start(self) -> None:
        self._started = True
        for number in range(self.count + SPARE):
            threading.Thread(target=self._work, name=f"request {number}", daemon=True).start()

    def _work(self) -> None:
        job: Job | None = None
        while True:
            if job is None:
                self._calls.get()
                job = self._take(finished=None)
            else:
                _run(job)
                if job.is_large:
                    gc.collect()  # its request is in circles of references, and the next large one waits for this
                job = self._take(finished=job)

    def _take(self, *, finished: Job | None) -> Job | None:
        """Count a request as finished, and take the next one that may run."""
        with self._lock:
            if finished is not None:
                self._running[finished.client] -= 1
                if not self._running[finished.client]:
                    del self._running[finished.client]
            if finished is not None and finished.is_large:
                self._large_runs = False
                self._calls.put(None)  # this thread may take a small request, and another the next large one
            return self._next()

    def _next(self) -> Job | None:
        """Take the next request that may run; its client goes to the end of the rotation."""
        for client, jobs in self._waiting.items():
            if self._running[client] < self.count and not (jobs[0].is_large and self._large_runs):
                job = jobs.popleft()
                del self._waiting[client]
                if jobs:
                    self._waiting[client] = jobs
                self._running[client] += 1
                self._large_runs |= job.is_large
                return job
        return None


def _run(job: Job) -> None:
    """Run a request in this thread and hand its answer to the event loop."""
    try:
        deliver = partial(_answer, job.answer, job.run())
    except Exception as error:  # noqa: BLE001  # it is raised where the answer is awaited
        deliver = partial(_fail, job.answer, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
        job.answer.get_loop().call_soon_threadsafe(deliver)


def _answer(future: asyncio.Future[Response], response: Response) -> None:
    if not future.done():
        future.set_result(response)


def _fail(future: asyncio.Future[Response], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
