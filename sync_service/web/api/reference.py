"""Read an OpenAPI 3.1 document into what the page of the API shows: operations by heading, and schemas by name.

https://spec.openapis.org/oas/v3.1.0
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]
"""An object of the document."""

SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeText:
    """A type in words, like `list of Issue`, and the name of the schema that it refers to."""

    text: str
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A parameter or property: its type, whether it is required, and an example as JSON. `place` is path or query."""

    name: str
    type: TypeText
    description: str
    required: bool
    example: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response by its status. Without content there is no type."""

    status: str
    description: str
    type: TypeText | None
    headers: Sequence[tuple[str, str]]

    @property
    def is_error(self) -> bool:
        """Whether it is a problem document."""
        return self.status >= "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation; `body` is the type of the JSON to send. `id` is unique on the page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: Sequence[Attribute]
    body: TypeText | None
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A tag of the document with its operations."""

    name: str
    description: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema with its properties; one without any has a `type`."""

    name: str
    description: str
    type: TypeText
    attributes: Sequence[Attribute]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the page shows."""

    title: str
    version: str
    description: str
    headings: Sequence[Heading]
    schemas: Sequence[Schema]


def read_reference(document: Node) -> Reference:
    """Read a document. Operations without a tag come under `Other`."""
    info = document["info"]
    schemas = document.get("components", {}).get("schemas", {})
    return Reference(
        title=info["title"],
        version=info["version"],
        description=info.get("description", ""),
        headings=_headings(document),
        schemas=[_schema(name, schema) for name, schema in sorted(schemas.items())],
    )


def type_text(schema: Node) -> TypeText:
    """Return the type of a schema in words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(SCHEMAS)
        return TypeText(text=name, schema=name)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _joined([type_text(one) for one in schema[union]])
    if "enum" in schema or "const" in schema:
        return TypeText(text=" or ".join(_json(one) for one in schema.get("enum", [schema.get("const")])))
    kind = schema.get("type", "anything")
    if kind == "array":
        item = type_text(schema.get("items", {}))
        return TypeText(text=f"list of {item.text}", schema=item.schema)
    if isinstance(kind, list):
        return TypeText(text=" or ".join(kind))
    return TypeText(text=f"{kind} ({schema['format']})" if "format" in schema else str(kind))


def _joined(types: Sequence[TypeText]) -> TypeText:
    named = next((one.schema for one in types if one.schema), None)
    return TypeText(text=" or ".join(dict.fromkeys(one.text for one in types)), schema=named)


def _headings(document: Node) -> list[Heading]:
    by_tag: dict[str, list[Operation]] = {}
    for tag, operation in _operations(document):
        by_tag.setdefault(tag, []).append(operation)
    described = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    order = [*(name for name in described if name in by_tag), *(name for name in by_tag if name not in described)]
    return [Heading(name=name, description=described.get(name, ""), operations=by_tag[name]) for name in order]


def _operations(document: Node) -> Iterator[tuple[str, Operation]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield next(iter(operation.get("tags", [])), "Other"), _operation(path, method, operation)


def _operation(path: str, method: str, operation: Node) -> Operation:
    body = operation.get("requestBody")
    return Operation(
        id=str(operation.get("operationId", f"{method}-{path}")),
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=[_parameter(one) for one in operation.get("parameters", [])],
        body=_content_type(body) if body else None,
        answers=[_answer(status, one) for status, one in sorted(operation["responses"].items())],
    )


def _parameter(parameter: Node) -> Attribute:
    return Attribute(
        name=parameter["name"],
        type=type_text(parameter.get("schema", {})),
        description=parameter.get("description", ""),
        required=parameter.get("required", False),
        example=_example(parameter.get("schema", {})),
        place=parameter["in"],
    )


def _answer(status: str, answer: Node) -> Answer:
    headers = [(name, one.get("description", "")) for name, one in answer.get("headers", {}).items()]
    return Answer(status=status, description=answer["description"], type=_content_type(answer), headers=headers)


def _content_type(node: Node) -> TypeText | None:
    content = next(iter(node.get("content", {}).values()), None)
    return None if content is None else type_text(content.get("schema", {}))


def _schema(name: str, schema: Node) -> Schema:
    required = schema.get("required", [])
    attributes = [
        Attribute(
            name=key,
            type=type_text(one),
            description=one.get("description", ""),
            required=key in required,
            example=_example(one),
        )
        for key, one in schema.get("properties", {}).items()
    ]
    return Schema(name=name, description=schema.get("description", ""), type=type_text(schema), attributes=attributes)


def _example(schema: Node) -> str:
    found = schema.get("examples") or [schema.get("example", schema.get("default"))]
    return "" if found[0] is None else _json(found[0])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
