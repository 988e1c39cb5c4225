"""Deeply nested JSON is invalid JSON: Python's decoder can't read it, and would end the request with an error."""

from typing import Any

from flask.json.provider import DefaultJSONProvider


class NestedJsonProvider(DefaultJSONProvider):
    """Decodes the JSON of requests; nesting that is too deep is an error of the client."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Decode JSON. Raise `ValueError` when it is invalid or nested too deeply."""
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
