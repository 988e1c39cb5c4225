"""Time for the simulators: the real clock, or one that a test moves by hand.

Trackers stamp what they send. A test that wants two changes within the same second, or an hour apart, sets the time
itself instead of waiting for it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the present time, aware and in UTC."""


def real_clock() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


class SteppedClock:
    """A clock that moves only by `step`.

    >>> clock = SteppedClock(datetime(2026, 11, 23, 10, tzinfo=UTC))
    >>> clock.step(1.5)
    >>> clock().isoformat()
    '2026-11-23T10:00:01.500000+00:00'
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or real_clock()

    def __call__(self) -> datetime:
        """Return the time of the clock."""
        return self._now

    def set(self, at: datetime) -> None:
        """Move to a time."""
        self._now = at

    def step(self, seconds: float = 1.0) -> None:
        """Move by a number of seconds; a negative number moves back, as a corrected machine clock does."""
        self._now += timedelta(seconds=seconds)
