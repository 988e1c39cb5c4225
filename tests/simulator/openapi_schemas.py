"""The trackers' API descriptions, and checks of webhooks and responses against them."""

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.skip_guard import SHARED, SHARED_IS_ABSENT

ROOT = Path(__file__).parents[2]
GITHUB_WEBHOOKS = ROOT / "node_modules/@octokit/openapi-webhooks/generated/api.github.com.json"
OURS = Path(__file__).with_name("schemas")

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(text: object) -> bool:
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def shared(path: str) -> Path:
    """Return a file of the folder `shared` beside the repository; skip the test if the folder is absent."""
    if not SHARED.is_dir():
        pytest.skip(SHARED_IS_ABSENT)
    return SHARED / path


def check(message: Any, document: Path, pointer: str = "") -> None:
    """Fail, with the field, unless a JSON value matches the schema at a JSON pointer of a document."""
    if not document.exists():
        pytest.fail(f"{document} is missing; npm ci gets what belongs into node_modules")
    errors = list(_validator(document, pointer).iter_errors(message))
    assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors)


def check_answer(answer: requests.Response, path: str) -> Any:
    """Fail unless a response matches the shared API description of its call; return its JSON.

    `path` is the one of the description, as in `/repos/{owner}/{repo}/issues`.
    """
    document = shared("openapi/github-rest-2026.json")
    method, status = str(answer.request.method).lower(), str(answer.status_code)
    described = _load(document)["paths"][path][method]["responses"]
    assert status in described, f"{method} {path} is not said to answer {status}: {answer.text[:300]}"
    steps = ["paths", path, method, "responses", status]
    if "$ref" in described[status]:
        steps = described[status]["$ref"].removeprefix("#/").split("/")
    for step in steps:
        described = _load(document) if step is steps[0] else described
        described = described[step]
    if "content" not in described:
        assert answer.text == "" or status == "202"
        return None
    steps += ["content", "application/json", "schema"]
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    check(answer.json(), document, pointer.replace("{", "%7B").replace("}", "%7D"))
    return answer.json()


@cache
def _validator(document: Path, pointer: str) -> Draft202012Validator:
    uri = document.as_uri()
    described = ((each.as_uri(), DRAFT202012.create_resource(_load(each))) for each in {document, *OURS.glob("*.json")})
    registry: Registry[Any] = Registry().with_resources(described)
    return Draft202012Validator({"$ref": f"{uri}#{pointer}"}, registry=registry, format_checker=_FORMATS)


@cache
def _load(document: Path) -> Any:
    described = json.loads(document.read_text())
    version = described.get("openapi", "")
    if version.startswith("3.0"):
        return _with_null_types(described)
    return _with_null_choices(described) if version.startswith("3.1") else described


def _with_null_types(schema: Any) -> Any:
    """Turn OpenAPI 3.0's `nullable` into JSON Schema."""
    if isinstance(schema, list):
        return [_with_null_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_null_types(value) for name, value in schema.items()}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _with_null_choices(schema: Any) -> Any:
    """Allow null in `oneOf` where the type allows it; the package's move from OpenAPI 3.0 forgot that."""
    if isinstance(schema, list):
        return [_with_null_choices(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_null_choices(value) for name, value in schema.items()}
    if "oneOf" in plain and isinstance(plain.get("type"), list) and "null" in plain["type"]:
        plain["oneOf"] = [*plain["oneOf"], {"type": "null"}]
    return plain
