"""A thread that drains the tables whose drains call trackers, so that slow trackers do not delay deliveries."""

import threading

import structlog

from sync_service.runtime.drains import Drains
from sync_service.runtime.wakeup import Wakeup

log = structlog.get_logger(__name__)


class CallThread(threading.Thread):
    """Drains requested tables one after the other, and then wakes workers for the tables that became due."""

    def __init__(self, drains: Drains, wakeup: Wakeup) -> None:
        super().__init__(name="tracker calls", daemon=True)
        self._drains = drains
        self._wakeup = wakeup
        self._requested: dict[str, None] = {}
        self._condition = threading.Condition()
        self._stopped = False

    def request(self, name: str) -> None:
        """Request a drain of a table; return at once. Tables are drained in the order of their first requests."""
        with self._condition:
            self._requested.setdefault(name)
            self._condition.notify()

    def stop(self, seconds: float) -> None:
        """Let the drain under way end, for some seconds at most; the leases of its rows end by themselves."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self.join(seconds)

    def run(self) -> None:
        """Drain whatever is requested, until stopped."""
        while (name := self._next()) is not None:
            try:
                self._drains.drain(name)
                self._wakeup.wake(self._drains.due())
            except Exception as error:
                log.warning("a drain failed", table=name, exc_info=error)

    def _next(self) -> str | None:
        """Wait for a request, and return its table; None when stopped."""
        with self._condition:
            self._condition.wait_for(lambda: self._requested or self._stopped)
            if self._stopped:
                return None
            name = next(iter(self._requested))
            del self._requested[name]
            return name
