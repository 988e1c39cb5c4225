"""Keys of simulated GitHub Apps, made once in a process: one costs 50 ms of CPU, and tests want hundreds."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.github import assertions
from simulator.github import hub
from simulator.github.app import new_key

APART = 16
"""Apps in a row whose keys differ; no test has as many."""


@contextmanager
def keys_made_once() -> Iterator[None]:
    """Give simulated apps the same keys over and over, in turn, each read once, until the end of the block."""

    @cache
    def key(_place: int) -> RSAPrivateKey:
        return new_key()

    places = itertools.cycle(range(APART))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "new_key", lambda: key(next(places)))
        patch.setattr(assertions, "load_pem_private_key", cache(load_pem_private_key))
        yield
