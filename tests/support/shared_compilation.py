"""Share the compilation of a fresh clone between the workers of a run.

Python and pytest store each compiled module for the next process. Workers that collect the same modules in the same
order would all compile each of them, since none is stored yet when the others need it.
"""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest


def import_own_share_first(config: pytest.Config, tests: Path) -> None:
    """In a worker of a whole run: import the test modules, its own share of them first, then what others stored."""
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    files = sorted(file.relative_to(tests.parent).with_suffix("") for file in tests.rglob("test_*.py"))
    names = [".".join(file.parts) for file in files]
    for name in own_first(names, int(worker["workerid"].removeprefix("gw")), worker["workercount"]):
        with suppress(Exception, pytest.skip.Exception):  # collecting it says what is wrong
            import_module(name)


def own_first(names: Sequence[str], worker: int, workers: int) -> list[str]:
    """Return the names, beginning where the share of a worker does."""
    first = len(names) * worker // workers
    return [*names[first:], *names[:first]]
