"""The OpenAPI document: valid, complete, and readable by people without a look at any other machine."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page

from tests.support.wsgi_server import serving
from tests.web.api.document import operation_of
from tests.web.api.fixture import Town


@pytest.fixture
def document(town: Town) -> dict[str, Any]:
    """Give the document."""
    response = town.call("/api/v1/openapi.json", token=None)
    assert response.mimetype == "application/json"
    found: dict[str, Any] = response.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each operation with its path and method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def references(part: object) -> Iterator[str]:
    """Give every reference in a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for below in part.values():
            yield from references(below)
    if isinstance(part, list):
        for below in part:
            yield from references(below)


def test_its_schemas_are_json_schemas_and_its_references_lead_somewhere(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 takes JSON Schema 2020-12 as it is."""
    assert document["openapi"].startswith("3.1.")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    prefix = "#/components/schemas/"
    assert {reference.removeprefix(prefix) for reference in references(document)} <= set(schemas)


def test_every_schema_is_true_of_its_own_examples(document: dict[str, Any]) -> None:
    """An example that could not happen would mislead."""
    seen = 0
    for schema in document["components"]["schemas"].values():
        for described in schema.get("properties", {}).values():
            for example in described.get("examples", []):
                plain = {name: value for name, value in described.items() if name != "examples"}
                if not list(references(plain)):
                    Draft202012Validator(plain).validate(example)
                    seen += 1
    assert seen > 40


def test_every_operation_says_who_may_what_comes_back_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    """Named once, with a summary, the token, and a problem document for each error."""
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for place, operation in operations(document):
        assert operation["summary"].endswith("."), place
        assert operation["security"] == [{"token": []}], place
        assert operation["tags"], place
        answers = operation["responses"]
        assert {"200", "401", "403", "422", "429", "500", "503"} <= set(answers), place
        for status, answer in answers.items():
            if status not in {"200", "304"}:
                assert set(answer["content"]) == {"application/problem+json"}, place
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    """Those in the path and those in the query."""
    for place, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], place
            assert parameter["required"] is (parameter["in"] == "path"), place


def test_every_route_of_the_api_is_in_it(town: Town, document: dict[str, Any]) -> None:
    """Only the document itself and its page are left out."""
    rules = {str(rule) for rule in town.app.url_map.iter_rules() if str(rule).startswith("/api/")}
    told = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in document["paths"]}
    assert rules - told == {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs/<path:name>"}
    assert told <= rules
    assert operation_of(document, "/api/v1/key-results/KR-1/history") is not None


def test_parts_of_the_page_may_be_kept_by_browsers(town: Town) -> None:
    """They are large and change only with their package."""
    client = town.app.test_client()
    part = client.get("/api/v1/docs/js/swagger-ui-bundle.js")
    assert part.status_code == 200
    assert "max-age=86400" in part.headers["Cache-Control"]
    assert client.get("/api/v1/docs/../../../app.py").status_code == 404
    part.close()


@pytest.fixture
def address(town: Town, page: Page) -> Iterator[str]:
    """Serve the town on a free port of this machine."""
    with serving(town.app) as found:
        yield found


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.slow
def test_people_read_it_and_try_it_in_a_browser(town: Town, token: str, address: str, page: Page) -> None:
    """With a token in the page's own form; nothing comes from elsewhere and no lock is broken."""
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
