"""What applications of one process can share: each makes it anew, and it costs more than most pages of a test.

A process of the service makes one application; a run of tests makes hundreds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

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


def built_once() -> Callable[..., Any]:
    """Give what writes the addresses of a rule, compiled once for all rules of one form: it is handed its rule.

    In place of werkzeug's own, which compiles two functions for each route of each application.
    """
    compiled = Rule._compile_builder
    known: dict[tuple[Any, ...], Any] = {}

    def compile_builder(rule: Rule, append_unknown: bool = True) -> Any:  # noqa: FBT001, FBT002 - as werkzeug calls it
        form = (rule.rule, tuple(rule._trace), append_unknown)
        if rule.defaults:
            return compiled(rule, append_unknown)
        if form not in known:
            known[form] = compiled(rule, append_unknown)
        return known[form]

    return compile_builder


@contextmanager
def made_once() -> Iterator[None]:
    """Let applications share compiled templates, routes and the schemas of the API, until the end of the block."""
    schemas = cache(document.components)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", built_once())
        patch.setitem(Flask.jinja_options, "bytecode_cache", Compiled())
        patch.setattr(document, "components", lambda: deepcopy(schemas()))
        yield
