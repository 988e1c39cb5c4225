"""API errors as problem documents (RFC 9457), never as HTML pages.

https://www.rfc-editor.org/rfc/rfc9457
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

import structlog
from flask import Blueprint, Flask, Response, abort, request
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from sync_service.store.engine.availability import is_away
from sync_service.web.request.errors import busy_detail
from sync_service.web.request.guards import API

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5

DETAILS: Mapping[int, str] = {
    401: "Send a token: `Authorization: Bearer …`. An admin of this service can give you one.",
    403: "The role of this token is too low.",
    404: "There is no such address; /api/v1/docs lists all.",
    405: "This address does not accept the method; the Allow header names the accepted ones.",
    409: "The present state does not allow it; the detail says why.",
    413: "The body is too large.",
    422: "A parameter is not valid; `errors` names each one.",
    429: "Too many requests with this token; the Retry-After header says how many seconds to wait.",
    500: "Something went wrong on our side; the log of the service has the error.",
    503: "The database does not answer; try again in a few seconds.",
}

log = structlog.get_logger(__name__)


def problem(status: int, detail: str = "", **members: Any) -> Response:
    """Return a problem document; `members` are additional ones, like `errors`."""
    response = Response(status=status)
    _write(response, detail, members)
    return response


def install(app: Flask) -> None:
    """Turn all other errors under `/api/` into problem documents too: wrong address or method, a bug."""
    app.after_request(_as_problem)


def handle_database_errors(blueprint: Blueprint) -> None:
    """Let a blueprint's requests answer 503 while the database does not answer, and 500 for a bug in a statement."""
    blueprint.register_error_handler(DBAPIError, _database)
    for error in (DisconnectionError, NoConnectionFree):
        blueprint.register_error_handler(error, _database_is_away)


def refuse_input(error: ValidationError) -> Response:
    """Respond 422, naming each invalid parameter."""
    errors = [
        {"parameter": ".".join(str(step) for step in one["loc"]), "detail": one["msg"]}
        if one["loc"]
        else {"parameter": "body", "detail": "it has to be a JSON object, sent as application/json"}
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    detail = "; ".join(f"{one['parameter']}: {one['detail']}" for one in errors)
    return problem(422, detail, errors=errors)


def not_found(detail: str) -> NoReturn:
    """Abort with 404 and a hint."""
    abort(problem(404, detail))


def _database(error: DBAPIError) -> Response:
    if is_away(error):
        return _database_is_away(error)
    log.error("a statement of ours failed", path=request.path, exc_info=error)
    return problem(500)


def _database_is_away(error: SQLAlchemyError) -> Response:
    log.warning("api.database_away", error=type(error).__name__, path=request.path)
    response = problem(503, busy_detail(error) or "")
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _as_problem(response: Response) -> Response:
    if request.path.startswith(API) and response.status_code >= 400 and not _is_ours(response):
        _write(response, "", {})
    return response


def _is_ours(response: Response) -> bool:
    # `web/request/errors.py` also writes problem documents, without `instance`; those are replaced. What an abort
    # answers to HEAD has no body here.
    return response.mimetype == MEDIA_TYPE and (not response.data or "instance" in response.get_json())


def _write(response: Response, detail: str, members: Mapping[str, Any]) -> None:
    status = response.status_code
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or DETAILS.get(status, HTTPStatus(status).description),
        "instance": request.script_root + request.path,
        **members,
    }
    response.set_data(as_json(body))
    response.content_type = MEDIA_TYPE


def as_json(body: Mapping[str, Any]) -> bytes:
    """Return JSON in UTF-8. Half a surrogate pair, which UTF-8 lacks, stays an escape as it was sent."""
    return json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
