"""Error handlers: an error page (or JSON for programs) that says what happened and what to do."""

from dataclasses import dataclass

import structlog
from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

from sync_service.store.engine.availability import is_away
from sync_service.store.engine.encryption import DecryptionError
from sync_service.store.engine.sqlite import DatabaseBusy
from sync_service.web.request.context import services
from sync_service.web.request.guards import API, current_caller

log = structlog.get_logger(__name__)

JSON_PATHS = (API, "/hooks/", "/changes", "/healthz", "/readyz")
"""Path prefixes whose callers get JSON instead of a page."""


@dataclass(frozen=True, slots=True)
class ErrorText:
    """Title and advice of an error page."""

    title: str
    advice: str
    icon: str = "alert"


TEXTS = {
    400: ErrorText("The request is not valid", "Go back, reload the page and try again."),
    401: ErrorText("You are not signed in", "Sign in and try again.", "lock"),
    403: ErrorText("You don't have access to this", "Ask an admin if you need it.", "lock"),
    404: ErrorText("Page not found", "The address may be mistyped, or the page was removed.", "search"),
    405: ErrorText("This address does not accept that", "Go back and use the buttons of the page."),
    413: ErrorText("The request is too large", "Send less at once."),
    429: ErrorText("Too many requests", "Wait a few minutes, then try again.", "clock"),
    500: ErrorText(
        "Something went wrong on our side",
        "The error is in the log. Try again. If it happens again, tell the person who runs this service.",
    ),
    503: ErrorText(
        "The database does not answer",
        "Stored data is safe. This page tries again every few seconds.",
        "again",
    ),
}


def install(app: Flask) -> None:
    """Register a handler for every error."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(NoConnectionFree, _no_connection_free)
    app.register_error_handler(DecryptionError, _lost_key)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    written_by_us = error.description != type(error).description
    detail = error.description if written_by_us and error.code != 429 else None
    return _respond(error.code, detail, headers=_retry_after(error))


def _csrf(error: CSRFError) -> ResponseReturnValue:
    log.info("a form without a valid CSRF token was refused", path=request.path, reason=error.description)
    return _respond(400, _csrf_detail(error.description or ""))


def _csrf_detail(reason: str) -> str:
    """Return what is wrong with a form, from the reason of Flask-WTF."""
    base = services().settings.base_url
    if "session token is missing" in reason:
        over_tls = f" They are sent over TLS only: open {base}." if base.startswith("https:") else ""
        return f"Your browser sent no session cookie with this form. Allow cookies for this site.{over_tls}"
    if "token is missing" in reason:
        return "The form came without its token: another site or a program sent it."
    return "The form belongs to an earlier session."


def _database(error: DBAPIError) -> ResponseReturnValue:
    if not is_away(error):
        log.error("a statement of ours failed", path=request.path, exc_info=error)
        return _respond(500, None)
    log.error("the database does not answer", path=request.path, error=str(error.orig))
    return _respond(503, busy_detail(error), headers={"Retry-After": "5"})


def _no_connection_free(error: NoConnectionFree) -> ResponseReturnValue:
    log.error("all connections to the database are in use", path=request.path, error=str(error))
    return _respond(503, None, headers={"Retry-After": "5"})


def busy_detail(error: Exception) -> str | None:
    """Return which process this request waited for in vain; None when the database does not answer at all."""
    return f"The database is busy: this request {error.orig}." if isinstance(error, DatabaseBusy) else None


def _lost_key(error: DecryptionError) -> ResponseReturnValue:
    log.error("a stored secret can't be decrypted", path=request.path, error=str(error))
    return _respond(500, f"{error} If the key is lost, enter tokens and webhook secrets again.")


def _retry_after(error: HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.get_headers() if name in ("Retry-After", "Allow")}


def _respond(code: int, detail: str | None, *, headers: dict[str, str] | None = None) -> ResponseReturnValue:
    text = TEXTS.get(code) or TEXTS[500 if code >= 500 else 400]
    if request.path.startswith(JSON_PATHS):
        problem = {"type": "about:blank", "title": text.title, "status": code, "detail": detail or text.advice}
        return problem, code, {"Content-Type": "application/problem+json", **(headers or {})}
    return (
        render_template("error.html", code=code, text=text, detail=detail, caller=current_caller()),
        code,
        headers or {},
    )
