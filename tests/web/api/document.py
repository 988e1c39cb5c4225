"""Validate responses against the OpenAPI document, by JSON Schema alone."""

import re
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

HERE = "urn:openapi"


def check_against_document(document: dict[str, Any], response: TestResponse) -> None:
    """Fail if the document does not describe this status, media type or body; ignore paths outside the document."""
    operation = operation_of(document, response.request.path, response.request.method)
    if operation is None:
        return
    described = operation["responses"][str(response.status_code)]
    if "content" not in described:
        assert response.data == b""
        return
    schema = described["content"][response.mimetype]["schema"]
    validator(document, schema).validate(response.get_json())


def operation_of(document: dict[str, Any], path: str, method: str = "GET") -> dict[str, Any] | None:
    """Return the operation of a path with a method, or None."""
    for template, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = item.get(method.lower())
            return found
    return None


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator for a schema of the document; objects must have every named property, and no other."""
    resource = DRAFT202012.create_resource(strict(document))
    registry: Registry[Any] = Registry().with_resource(HERE, resource)
    absolute = {"$ref": HERE + schema["$ref"]}
    return Draft202012Validator(absolute, registry=registry)


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy whose objects allow no property that they do not name."""
    schemas = {
        name: schema | {"additionalProperties": False} if "properties" in schema else schema
        for name, schema in document["components"]["schemas"].items()
    }
    return document | {"components": document["components"] | {"schemas": schemas}}
