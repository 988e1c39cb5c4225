"""Deliveries made from GitHub's own descriptions of its webhooks, the same at every run.

The descriptions come with npm (`@octokit/openapi-webhooks`): of github.com and of each GitHub Enterprise Server.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache, reduce
from pathlib import Path
from typing import Any

from sync_service.domain.connectors import Post

GENERATED = Path(__file__).parents[2] / "node_modules/@octokit/openapi-webhooks/generated"
GITHUB_COM = GENERATED / "api.github.com.json"

WRITTEN = {
    "full_name": "acme/checkout",
    "repository_url": "https://api.github.com/repos/acme/checkout",
    "login": "anaruiz",
    "default_branch": "main",
    "ref": "main",
    "state": "open",
    "body": "Fixes #3",
}
"""What stands in fields that belong together."""

_TEXTS = {
    "date-time": "2026-10-05T09:30:00Z",
    "date": "2026-10-05",
    "email": "ana@example.com",
    "uri": "https://api.github.com/there",
    "uri-template": "https://api.github.com/there{/id}",
}


class Fullness(Enum):
    """How much of what a description allows is there: every field, the required ones, null wherever null may be.

    Only an issue is never said to be a pull request, as every field would have it.
    """

    WHOLE = "whole"
    BARE = "bare"
    NULLS = "nulls"


@dataclass(frozen=True)
class Described:
    """One delivery as described: `name` as in the table of events (`issues.closed`), and where it is described."""

    name: str
    schema: Any
    document: Path

    def make(self, fullness: Fullness) -> dict[str, Any]:
        """Make the body."""
        body: dict[str, Any] = _Maker(_load(self.document), fullness).make(self.schema, ())
        return body

    def post(self, body: dict[str, Any]) -> Post:
        """Send a body."""
        headers = {"x-github-event": self.name.partition(".")[0], "content-type": "application/json"}
        return Post(headers, json.dumps(body).encode())


def described(document: Path) -> Iterator[Described]:
    """Give every delivery that a document describes; its older form calls them `x-webhooks`."""
    whole = _load(document)
    for webhook in (whole.get("webhooks") or whole["x-webhooks"]).values():
        event, _, action = webhook["post"]["operationId"].replace("-", "_").partition("/")
        content = webhook["post"]["requestBody"]["content"]
        schema = content.get("application/json", next(iter(content.values())))["schema"]
        yield Described(f"{event}.{action}" if action else event, schema, document)


@cache
def _load(document: Path) -> Any:
    return json.loads(document.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class _Maker:
    document: Any
    fullness: Fullness

    def make(self, schema: Any, path: tuple[str, ...], within: tuple[str, ...] = ()) -> Any:
        """Make what a schema describes: the first value of an enumeration, the first of several forms, one item."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            # What describes itself ends where it begins again.
            return {} if name in within else self.make(self._named(name), path, (*within, name))
        if self.fullness is Fullness.NULLS and _may_be_null(schema):
            return None
        for word in ("oneOf", "anyOf"):
            forms = [form for form in schema.get(word, ()) if form.get("type") != "null"]
            if forms and "properties" not in schema:
                return self.make(forms[0], path, within)
        if "allOf" in schema:
            return reduce(_joined, [self.make(part, path, within) for part in schema["allOf"]])
        if "enum" in schema:
            return next(value for value in schema["enum"] if value is not None)
        return self._of_type(_type(schema), schema, path, within)

    def _named(self, name: str) -> Any:
        return self.document["components"]["schemas"][name]

    def _of_type(self, kind: str, schema: Any, path: tuple[str, ...], within: tuple[str, ...]) -> Any:
        match kind:
            case "object":
                required = schema.get("required", ())
                wanted = [
                    name
                    for name in schema.get("properties", {})
                    if (name in required or self.fullness is not Fullness.BARE)
                    and not (path and name == "pull_request")
                ]
                return {name: self.make(schema["properties"][name], (*path, name), within) for name in wanted}
            case "array":
                empty = self.fullness is Fullness.BARE or "items" not in schema
                return [] if empty else [self.make(schema["items"], path, within)]
            case "integer" | "number":
                return _number(path)
            case "boolean":
                return True
            case _:
                return WRITTEN.get(path[-1] if path else "", _TEXTS.get(schema.get("format", ""), "text"))


def _joined(one: Any, other: Any) -> Any:
    """Join two parts of what all must hold: the second narrows the first down where it says anything of its own."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _joined(one.get(name), other.get(name)) for name in {**one, **other}}
    return one if other in (None, {}, [], [None], [{}], "text") else other


def _number(path: tuple[str, ...]) -> int:
    """Give the same number everywhere, but to each issue of a delivery its own: those of one body must differ."""
    return 10 + len("".join(path[:-1])) if path and path[-1] == "number" else 1


def _type(schema: Any) -> str:
    told = schema.get("type", "object" if "properties" in schema else "string")
    kinds = [kind for kind in (told if isinstance(told, list) else [told]) if kind != "null"]
    return kinds[0] if kinds else "null"


def _may_be_null(schema: Any) -> bool:
    told = schema.get("type")
    forms = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return (
        schema.get("nullable") is True
        or told == "null"
        or (isinstance(told, list) and "null" in told)
        or any(form.get("type") == "null" for form in forms)
        or None in schema.get("enum", ())
    )
