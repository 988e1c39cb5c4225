"""The OpenAPI document: valid, complete, and shown on a page."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sync_service.web.api.reference import TypeText, read_reference, type_text
from tests.web.api.document import operation_of
from tests.web.api.fixture import ApiHarness


@pytest.fixture
def document(api: ApiHarness) -> dict[str, Any]:
    """Return the document."""
    response = api.call("/api/v1/openapi.json", token=None)
    assert response.mimetype == "application/json"
    found: dict[str, Any] = response.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its method and path."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def references(node: object) -> Iterator[str]:
    """Yield every reference below a node of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    if isinstance(node, list):
        for child in node:
            yield from references(child)


@pytest.mark.slow
def test_schemas_and_references_are_valid(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 uses JSON Schema 2020-12 unchanged."""
    assert document["openapi"].startswith("3.1.")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    prefix = "#/components/schemas/"
    assert {reference.removeprefix(prefix) for reference in references(document)} <= set(schemas)


def test_every_example_matches_its_schema(document: dict[str, Any]) -> None:
    """An impossible example would mislead."""
    seen = 0
    for schema in document["components"]["schemas"].values():
        for attribute in schema.get("properties", {}).values():
            for example in attribute.get("examples", []):
                plain = {name: value for name, value in attribute.items() if name != "examples"}
                if not list(references(plain)):
                    Draft202012Validator(plain).validate(example)
                    seen += 1
    assert seen > 40


def test_every_operation_describes_security_responses_and_errors(document: dict[str, Any]) -> None:
    """Each has a unique id, a summary, and a problem document for each error."""
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        assert operation["summary"].endswith("."), name
        assert operation["security"] == [{"token": []}], name
        assert operation["tags"], name
        responses = operation["responses"]
        assert {"200", "201"} & set(responses), name
        assert {"401", "403", "422", "429", "500", "503"} <= set(responses), name
        for status, described in responses.items():
            if status not in {"200", "201", "304"}:
                assert set(described["content"]) == {"application/problem+json"}, name
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    """Parameters in the path are required, those in the query are not."""
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], name
            assert parameter["required"] is (parameter["in"] == "path"), name


def test_every_route_of_the_api_is_in_the_document(api: ApiHarness, document: dict[str, Any]) -> None:
    """Only the document itself and its page are left out."""
    paths = (str(rule).replace("<path:", "<") for rule in api.app.url_map.iter_rules())
    rules = {path for path in paths if path.startswith("/api/")}
    documented = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in document["paths"]}
    assert rules - documented == {"/api/v1/openapi.json", "/api/v1/docs"}
    assert documented <= rules
    assert operation_of(document, "/api/v1/key-results/KR-1/history") is not None


def test_the_page_shows_every_operation_parameter_response_and_property(
    api: ApiHarness, document: dict[str, Any]
) -> None:
    """It is made from the document, so nothing is missing."""
    page = api.app.test_client().get("/api/v1/docs").text
    for name, operation in operations(document):
        method, _, path = name.partition(" ")
        text = page.partition(f'id="{operation["operationId"]}"')[2].partition("</section>")[0]
        assert f"<strong>{method.upper()}</strong> <code>{path}</code>" in text
        assert operation["summary"] in unescape(text)
        assert all(f"<code>{one['name']}</code>" in text for one in operation.get("parameters", []))
        assert all(status in text for status in operation["responses"])
    for name, schema in document["components"]["schemas"].items():
        text = page.partition(f'id="schema-{name}"')[2].partition("</section>")[0]
        assert all(f"<code>{one}</code>" in text for one in schema.get("properties", []))
        assert all(f'"{one}"' in unescape(text) for one in schema.get("enum", []))


def test_every_type_of_the_page_leads_to_its_schema(api: ApiHarness) -> None:
    """A link to nowhere would be a schema that the document lacks."""
    page = api.app.test_client().get("/api/v1/docs").text
    targets = re.findall(r'href="#([^"]+)"', page)
    assert "schema-KeyResult" in targets
    assert set(targets) <= set(re.findall(r'id="([^"]+)"', page))


@pytest.mark.parametrize(
    ("schema", "text", "name"),
    [
        ({"$ref": "#/components/schemas/Issue"}, "Issue", "Issue"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Issue"}}, "list of Issue", "Issue"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null", None),
        ({"anyOf": [{"$ref": "#/components/schemas/Stale"}, {"type": "null"}]}, "Stale or null", "Stale"),
        ({"type": "string", "format": "date-time"}, "string (date-time)", None),
        ({"type": ["string", "null"]}, "string or null", None),
        ({"enum": ["todo", "done"]}, '"todo" or "done"', None),
        ({"const": 1}, "1", None),
        ({}, "anything", None),
    ],
)
def test_a_type_is_written_in_words(schema: dict[str, Any], text: str, name: str | None) -> None:
    """A reader needs no JSON Schema."""
    assert type_text(schema) == TypeText(text=text, schema=name)


def test_an_operation_with_a_body_and_without_a_tag_is_shown() -> None:
    """The API may get operations that write."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/CheckIn"}}}}
    operation = {"requestBody": body, "responses": {"204": {"description": "Stored."}}}
    document = {"info": {"title": "T", "version": "1"}, "paths": {"/check-ins": {"post": operation}}}
    (heading,) = read_reference(document).headings
    (found,) = heading.operations
    assert (heading.name, found.method, found.id) == ("Other", "POST", "post-/check-ins")
    assert found.body == TypeText(text="CheckIn", schema="CheckIn")
    assert [(one.status, one.type) for one in found.answers] == [("204", None)]
