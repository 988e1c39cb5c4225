"""What every answer carries so that a browser keeps others out: no inline script, no frames, no sniffing."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from sync_service.web.guards import API

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)


def policy_with_form_to(address: str) -> str:
    """Give the policy of a page that has a form for another site: that may be sent there, and nowhere else."""
    parts = urlsplit(address)
    return CONTENT_SECURITY_POLICY.replace("form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}")


LARGEST_NUMBER = 2**63 - 1
"""What a row's id can be in the database."""


def install(app: Flask) -> None:
    """Put the headers on every answer, and let nothing in that no database can hold."""
    app.before_request(_refuse_what_can_not_be_kept)
    app.after_request(_add)


def _refuse_what_can_not_be_kept() -> None:
    if request.endpoint == "hooks.receive" or request.path.startswith(API):
        return  # a tracker's body is the connector's to read; the API says itself what can't be used
    texts = [request.path, *request.args.values(), *request.form.values()]
    numbers = [text for text in request.args.values() if text.isdecimal()]
    numbers += [str(value) for value in (request.view_args or {}).values() if isinstance(value, int)]
    if any("\x00" in text for text in texts) or any(int(number[:40]) > LARGEST_NUMBER for number in numbers):
        abort(400)


def _add(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
