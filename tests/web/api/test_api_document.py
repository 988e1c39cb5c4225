"""The OpenAPI document: valid, complete, and shown in the browser without requests to other hosts."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page

from tests.support.wsgi_server import serving
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
        assert {"200", "401", "403", "422", "429", "500", "503"} <= set(responses), name
        for status, described in responses.items():
            if status not in {"200", "304"}:
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
    rules = {str(rule) for rule in api.app.url_map.iter_rules() if str(rule).startswith("/api/")}
    documented = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in document["paths"]}
    assert rules - documented == {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs/<path:name>"}
    assert documented <= rules
    assert operation_of(document, "/api/v1/key-results/KR-1/history") is not None


def test_scripts_of_the_page_are_cached_for_a_day(api: ApiHarness) -> None:
    """They are large and change only with their package."""
    client = api.app.test_client()
    node = client.get("/api/v1/docs/js/swagger-ui-bundle.js")
    assert node.status_code == 200
    assert "max-age=86400" in node.headers["Cache-Control"]
    assert client.get("/api/v1/docs/../../../app.py").status_code == 404
    node.close()


@pytest.fixture
def address(api: ApiHarness, page: Page) -> Iterator[str]:
    """Serve the application on a loopback port."""
    with serving(api.app) as found:
        yield found


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.slow
def test_an_operation_can_be_tried_in_a_browser(api: ApiHarness, token: str, address: str, page: Page) -> None:
    """A request to another host or a violated policy fails the test."""
    page.goto(f"{address}/api/v1/docs")
    page.get_by_role("button", name="Authorize").click()
    page.locator("input[type=text], input[type=password]").first.fill(token)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").click()
    page.locator("#operations-Key_results-show_key_result button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("slug").fill("KR-1")
    page.get_by_role("button", name="Execute").click()
    page.get_by_text('"explanation": "1 of 2 issues done"').first.wait_for()
