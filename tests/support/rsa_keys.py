"""RSA keys of simulated GitHub Apps, created once per process: one costs 50 ms of CPU, and tests need hundreds."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.github.api import app_jwt
from simulator.github import state
from simulator.github.model.app import new_key

KEY_COUNT = 16
"""Number of different keys; no test has as many apps."""


@contextmanager
def shared_rsa_keys() -> Iterator[None]:
    """Give simulated apps a few keys in rotation, each parsed once, until the end of the block."""

    @cache
    def key(_index: int) -> RSAPrivateKey:
        return new_key()

    indexes = itertools.cycle(range(KEY_COUNT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "new_key", lambda: key(next(indexes)))
        patch.setattr(app_jwt, "load_pem_private_key", cache(load_pem_private_key))
        yield
