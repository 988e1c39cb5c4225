"""Cache the set-up that all applications of a test run share: templates, routes, API schemas, entry points.

The service creates one application per process; a test run creates hundreds, and each set-up costs more than most
pages of a test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from sync_service.web.api import openapi


class TemplateCache(BytecodeCache):
    """Cache of compiled templates, by name and checksum."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Return the cached template, if any."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a compiled template."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


def cached_url_builder() -> Callable[..., Any]:
    """Return a URL builder factory that compiles once for all rules of the same form.

    It replaces werkzeug's own, which compiles two functions for each route of each application.
    """
    original = Rule._compile_builder
    builders: dict[tuple[Any, ...], Any] = {}

    def compile_builder(rule: Rule, append_unknown: bool = True) -> Any:  # noqa: FBT001, FBT002 - as werkzeug calls it
        form = (rule.rule, tuple(rule._trace), append_unknown)
        if rule.defaults:
            return original(rule, append_unknown)
        if form not in builders:
            builders[form] = original(rule, append_unknown)
        return builders[form]

    return compile_builder


@contextmanager
def cached_app_setup() -> Iterator[None]:
    """Share templates, routes, API schemas and entry points between applications, until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", cached_url_builder())
        patch.setitem(Flask.jinja_options, "bytecode_cache", TemplateCache())
        patch.setattr(openapi, "components", cache(openapi.components))
        patch.setattr("connectors.registry.entry_points", cache(entry_points))
        yield
