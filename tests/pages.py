"""What applications of one process can share: each makes it anew, and it costs more than most pages of a test.

A process of the service makes one application; a run of tests makes hundreds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from types import CodeType

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from sync_service.web.api import document


class Compiled(BytecodeCache):
    """Templates as they were compiled first, by name and text."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what is there."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


@contextmanager
def made_once() -> Iterator[None]:
    """Let applications share compiled templates and the schemas of the API, until the end of the block."""
    schemas = cache(document.components)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", Compiled())
        patch.setattr(document, "components", lambda: deepcopy(schemas()))
        yield
