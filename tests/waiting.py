"""Waiting for what happens in another process: looking often, until a deadline, instead of sleeping a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], what: str, *, seconds: float = 20, every: float = 0.02) -> T:
    """Look until there is something true, and return it; fail with what was waited for when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)
    return seen
