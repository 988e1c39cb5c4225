"""Webhook payloads generated from GitHub's OpenAPI schemas, the same in every run.

The schemas come from npm (`@octokit/openapi-webhooks`): for github.com and for each GitHub Enterprise Server.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache, reduce
from pathlib import Path
from typing import Any

from sync_service.domain.trackers.connector import WebhookRequest

GENERATED = Path(__file__).parents[3] / "node_modules/@octokit/openapi-webhooks/generated"
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
"""Values of fields that must be consistent."""

_TEXTS = {
    "date-time": "2026-10-05T09:30:00Z",
    "date": "2026-10-05",
    "email": "ana@example.com",
    "uri": "https://api.github.com/there",
    "uri-template": "https://api.github.com/there{/id}",
}


class FieldSelection(Enum):
    """Which fields a payload has: all, only the required ones, or null wherever null is allowed.

    Even with all fields, an issue has no `pull_request` field, which would make it a pull request.
    """

    WHOLE = "whole"
    BARE = "bare"
    NULLS = "nulls"


@dataclass(frozen=True)
class DeliverySchema:
    """The schema of one delivery: `name` as in the table of events (`issues.closed`), and its document."""

    name: str
    schema: Any
    document: Path

    def make(self, fullness: FieldSelection) -> dict[str, Any]:
        """Return a body with these fields."""
        body: dict[str, Any] = _Generator(_load(self.document), fullness).make(self.schema, ())
        return body

    def post(self, body: dict[str, Any]) -> WebhookRequest:
        """Return a delivery with this body."""
        headers = {"x-github-event": self.name.partition(".")[0], "content-type": "application/json"}
        return WebhookRequest(headers, json.dumps(body).encode())


def described(document: Path) -> Iterator[DeliverySchema]:
    """Yield every delivery of a document; older documents call them `x-webhooks`."""
    whole = _load(document)
    for webhook in (whole.get("webhooks") or whole["x-webhooks"]).values():
        event, _, action = webhook["post"]["operationId"].replace("-", "_").partition("/")
        content = webhook["post"]["requestBody"]["content"]
        schema = content.get("application/json", next(iter(content.values())))["schema"]
        yield DeliverySchema(f"{event}.{action}" if action else event, schema, document)


@cache
def _load(document: Path) -> Any:
    return json.loads(document.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class _Generator:
    document: Any
    fullness: FieldSelection

    def make(self, schema: Any, path: tuple[str, ...], within: tuple[str, ...] = ()) -> Any:
        """Return a value for a schema: the first of an enumeration or of several forms, an array with one item."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            # Stop at a recursive schema.
            return {} if name in within else self.make(self._named(name), path, (*within, name))
        if self.fullness is FieldSelection.NULLS and _may_be_null(schema):
            return None
        for word in ("oneOf", "anyOf"):
            forms = [form for form in schema.get(word, ()) if form.get("type") != "null"]
            if forms and "properties" not in schema:
                return self.make(forms[0], path, within)
        if "allOf" in schema:
            return reduce(_merged, [self.make(bucket, path, within) for bucket in schema["allOf"]])
        if "enum" in schema:
            return next(value for value in schema["enum"] if value is not None)
        return self._of_type(_type(schema), schema, path, within)

    def _named(self, name: str) -> Any:
        return self.document["components"]["schemas"][name]

    def _of_type(self, kind: str, schema: Any, path: tuple[str, ...], within: tuple[str, ...]) -> Any:
        match kind:
            case "object":
                required = schema.get("required", ())
                included = [
                    name
                    for name in schema.get("properties", {})
                    if (name in required or self.fullness is not FieldSelection.BARE)
                    and not (path and name == "pull_request")
                ]
                return {name: self.make(schema["properties"][name], (*path, name), within) for name in included}
            case "array":
                empty = self.fullness is FieldSelection.BARE or "items" not in schema
                return [] if empty else [self.make(schema["items"], path, within)]
            case "integer" | "number":
                return _number(path)
            case "boolean":
                return True
            case _:
                return WRITTEN.get(path[-1] if path else "", _TEXTS.get(schema.get("format", ""), "text"))


def _merged(one: Any, other: Any) -> Any:
    """Merge two values of `allOf`: the second replaces the first unless it is a default value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _merged(one.get(name), other.get(name)) for name in {**one, **other}}
    return one if other in (None, {}, [], [None], [{}], "text") else other


def _number(path: tuple[str, ...]) -> int:
    """Return 1, but a different `number` for each issue of a body."""
    return 10 + len("".join(path[:-1])) if path and path[-1] == "number" else 1


def _type(schema: Any) -> str:
    declared = schema.get("type", "object" if "properties" in schema else "string")
    kinds = [kind for kind in (declared if isinstance(declared, list) else [declared]) if kind != "null"]
    return kinds[0] if kinds else "null"


def _may_be_null(schema: Any) -> bool:
    declared = schema.get("type")
    forms = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return (
        schema.get("nullable") is True
        or declared == "null"
        or (isinstance(declared, list) and "null" in declared)
        or any(form.get("type") == "null" for form in forms)
        or None in schema.get("enum", ())
    )
