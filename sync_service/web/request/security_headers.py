"""Security headers of every response (CSP, nosniff, HSTS…), and refusal of input that no database can store."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from sync_service.web.request.guards import API

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)


def csp_with_form_target(address: str) -> str:
    """Return the policy of a page with a form that is sent to another site: it allows that site only."""
    url = urlsplit(address)
    return CONTENT_SECURITY_POLICY.replace("form-action 'self'", f"form-action 'self' {url.scheme}://{url.netloc}")


LARGEST_NUMBER = 2**63 - 1
"""The largest row id in the database."""


def install(app: Flask) -> None:
    """Add the headers to every response, and refuse NUL characters and numbers that are too large."""
    app.before_request(_refuse_unstorable_input)
    app.after_request(_add_headers)


def _refuse_unstorable_input() -> None:
    if request.endpoint == "hooks.receive" or request.path.startswith(API):
        return  # the connector parses webhooks; the API reports wrong parameters itself
    texts = [request.path, *request.args.values(), *request.form.values()]
    numbers = [text for text in request.args.values() if text.isdecimal()]
    numbers += [str(value) for value in (request.view_args or {}).values() if isinstance(value, int)]
    if any("\x00" in text for text in texts) or any(int(number[:40]) > LARGEST_NUMBER for number in numbers):
        abort(400)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
