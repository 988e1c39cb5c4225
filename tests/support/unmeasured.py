"""Pause the measurement of coverage for tests that run only code that other tests run too: it doubles their time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import coverage

CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""The environment variable by which coverage.py measures the processes that a test starts."""


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure neither this process nor those that it starts, until the end of the block."""
    running = coverage.Coverage.current()
    if running is None:
        yield
        return
    configuration = os.environ.pop(CHILDREN, None)
    running.stop()
    try:
        yield
    finally:
        running.start()
        if configuration is not None:
            os.environ[CHILDREN] = configuration
