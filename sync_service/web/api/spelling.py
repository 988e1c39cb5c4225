"""How routes are written in the OpenAPI document: their names, the errors they may answer, the headers of a list."""

from http import HTTPStatus
from typing import Any

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from sync_service.web.api.problems import DETAILS, MEDIA_TYPE, cover

SCHEME = "token"
SECURITY_SCHEMES: dict[str, Any] = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that `okr-sync token create` printed. Any role may read.",
    }
}
DESCRIPTION = (
    "How key results stand, which issues they count, and what moved them. Every address needs a token. "
    "Lists come in pages: the `Link` header of each names the next one. "
    "Errors are problem documents (RFC 9457). Times are ISO 8601 in UTC."
)
PLACE = "/api/v1/key-results/KR-1/history"
PROBLEMS = (401, 403, 422, 429, 500, 503)
LINK = {"description": 'The next page, rel="next"; absent on the last one (RFC 8288).', "schema": {"type": "string"}}
ETAG = {"description": "Send it back in If-None-Match, and 304 means: nothing new.", "schema": {"type": "string"}}


def api_blueprint(name: str, import_name: str, tag: Tag) -> APIBlueprint:
    """Make a blueprint of addresses that need a token, under one heading of the document."""
    blueprint = APIBlueprint(
        name,
        import_name,
        url_prefix="/api/v1",
        abp_tags=[tag],
        abp_security=[{SCHEME: []}],
        abp_responses={status: _problem(status) for status in PROBLEMS},
        operation_id_callback=_name_of,
    )
    cover(blueprint)
    return blueprint


def gives(
    model: type[BaseModel], *, list_: bool = False, polled: bool = False, missing: bool = False
) -> dict[str | int | HTTPStatus, Any]:
    """Describe what a route answers: the model, and 304 where it is polled, and 404 where a row may be missing."""
    headers = ({"Link": LINK} if list_ else {}) | ({"ETag": ETAG} if polled else {})
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    said: dict[str | int | HTTPStatus, Any] = {
        200: {"description": model.__doc__, "headers": headers, "content": {"application/json": {"schema": schema}}}
    }
    if polled:
        said[304] = {"description": "Nothing changed since the answer with the ETag that was sent."}
    if missing:
        said[404] = _problem(404)
    return said


def _problem(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    example = {"type": "about:blank", "title": phrase, "status": status, "detail": DETAILS[status], "instance": PLACE}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": phrase, "content": {MEDIA_TYPE: content}}


def _name_of(*, name: str, path: str, method: str) -> str:  # noqa: ARG001 - flask-openapi3's signature
    return name
