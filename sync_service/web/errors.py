"""What a visitor sees when something is not there, not allowed, or not working: what happened, and what to do."""

from dataclasses import dataclass

import structlog
from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from sync_service.store.sealing import Unopenable
from sync_service.web.guards import API, who

log = structlog.get_logger(__name__)

MACHINES = (API, "/hooks/", "/changes", "/healthz", "/readyz", "/metrics")
"""Those who call these read JSON, not pages."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says about an error."""

    title: str
    advice: str
    icon: str = "alert"


SAYS = {
    400: Words("That could not be understood", "Go back, reload the page and try again."),
    401: Words("You are not signed in", "Sign in and try again.", "lock"),
    403: Words("This is not open to you", "Ask an admin if you think it should be.", "lock"),
    404: Words("There is nothing here", "The address may be mistyped, or what was here is gone.", "search"),
    405: Words("That does not work here", "Go back and try it from the page itself."),
    413: Words("That is too large", "Send less at once."),
    429: Words("That was a little often", "Wait a few minutes, then try again.", "clock"),
    500: Words(
        "Something broke on our side",
        "It has been written to the log. Try again; if it stays, tell who runs this service what you did.",
    ),
    503: Words(
        "The database does not answer",
        "What was stored is safe. This page tries again every few seconds.",
        "again",
    ),
}


def install(app: Flask) -> None:
    """Give every error its page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(Unopenable, _lost_key)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    written_by_us = error.description != type(error).description
    said = error.description if written_by_us and error.code != 429 else None
    return _answer(error.code, said, headers=_retry_after(error))


def _csrf(error: CSRFError) -> ResponseReturnValue:
    log.info("a form without a good token was refused", path=request.path, reason=error.description)
    return _answer(400, "The form was open for too long, or came from elsewhere.")


def _database(error: DBAPIError) -> ResponseReturnValue:
    log.error("the database does not answer", path=request.path, error=str(error.orig))
    if not _is_away(error):
        return _answer(500, None)
    return _answer(503, None, headers={"Retry-After": "5"})


def _lost_key(error: Unopenable) -> ResponseReturnValue:
    log.error("a stored secret can't be opened", path=request.path, error=str(error))
    return _answer(500, f"{error} Where a key was lost for good, give tokens and webhook secrets anew.")


def _is_away(error: DBAPIError) -> bool:
    """Tell a database that is away or locked from a mistake of ours in a query."""
    return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError")


def _retry_after(error: HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.get_headers() if name in ("Retry-After", "Allow")}


def _answer(code: int, said: str | None, *, headers: dict[str, str] | None = None) -> ResponseReturnValue:
    words = SAYS.get(code) or SAYS[500 if code >= 500 else 400]
    if request.path.startswith(MACHINES):
        problem = {"type": "about:blank", "title": words.title, "status": code, "detail": said or words.advice}
        return problem, code, {"Content-Type": "application/problem+json", **(headers or {})}
    return render_template("error.html", code=code, words=words, said=said, caller=who()), code, headers or {}
