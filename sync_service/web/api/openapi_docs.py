"""How routes appear in the OpenAPI document: operation names, error responses, headers of lists."""

from http import HTTPStatus
from typing import Any

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from sync_service.web.api.problems import DETAILS, MEDIA_TYPE, handle_database_errors

SCHEME = "token"
SECURITY_SCHEMES: dict[str, Any] = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that an admin created with `okr-sync token create`. "
        "Deliveries, notices and decisions about values need the role admin.",
    }
}
DESCRIPTION = (
    "Key results: their value and status, which issues they count, and what moved them. Every address needs a token. "
    "Lists come in pages: the `Link` header of each page has the URL of the next one. "
    "Errors are problem documents (RFC 9457). Times are ISO 8601 in UTC."
)
EXAMPLE_PATH = "/api/v1/key-results/KR-1/history"
PROBLEMS = (401, 403, 422, 429, 500, 503)
LINK = {"description": 'The next page, rel="next"; absent on the last one (RFC 8288).', "schema": {"type": "string"}}
ETAG = {"description": "Send it in If-None-Match: 304 then means that nothing changed.", "schema": {"type": "string"}}


def api_blueprint(name: str, import_name: str, tag: Tag) -> APIBlueprint:
    """Return a blueprint whose routes need a token, under one heading of the document."""
    blueprint = APIBlueprint(
        name,
        import_name,
        url_prefix="/api/v1",
        abp_tags=[tag],
        abp_security=[{SCHEME: []}],
        abp_responses={status: _problem(status) for status in PROBLEMS},
        operation_id_callback=_operation_id,
    )
    handle_database_errors(blueprint)
    return blueprint


def responses(
    model: type[BaseModel],
    *,
    list_: bool = False,
    polled: bool = False,
    missing: bool = False,
    conflict: bool = False,
    status: int = 200,
) -> dict[str | int | HTTPStatus, Any]:
    """Return the responses of a route: the model; 304 when it supports ETags (`polled`).

    404 when it may be `missing`, 409 when what it wants may contradict the present state.
    """
    headers = ({"Link": LINK} if list_ else {}) | ({"ETag": ETAG} if polled else {})
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    responses: dict[str | int | HTTPStatus, Any] = {
        status: {"description": model.__doc__, "headers": headers, "content": {"application/json": {"schema": schema}}}
    }
    if polled:
        responses[304] = {"description": "Nothing changed since the response with this ETag."}
    if missing:
        responses[404] = _problem(404)
    if conflict:
        responses[409] = _problem(409)
    return responses


def _problem(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    example = {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "detail": DETAILS[status],
        "instance": EXAMPLE_PATH,
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": phrase, "content": {MEDIA_TYPE: content}}


def _operation_id(*, name: str, path: str, method: str) -> str:  # noqa: ARG001 - flask-openapi3's signature
    return name
