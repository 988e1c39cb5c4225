"""Poll a condition until a deadline, instead of sleeping for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(poll: Callable[[], T], what: str, *, seconds: float = 20, every: float = 0.02) -> T:
    """Poll until the result is true, and return it. Raise `AssertionError` with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := poll()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)
    return result
