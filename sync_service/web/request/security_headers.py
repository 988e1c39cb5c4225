"""Security headers of every response (CSP, nosniff, HSTS…), and refusal of input that no database can store."""

from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from werkzeug.datastructures import MultiDict

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


HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every response, unless the view sets its own."""

NO_STORE = "no-store"


def raw_headers() -> list[tuple[bytes, bytes]]:
    """Return the headers of a response that is sent without Flask."""
    return [(name.encode(), value.encode()) for name, value in {**HEADERS, "Cache-Control": NO_STORE}.items()]


def install(app: Flask) -> None:
    """Add the headers to every response, and refuse NUL characters and numbers that are too large."""
    app.before_request(_refuse_unstorable_input)
    app.after_request(_add_headers)


def _refuse_unstorable_input() -> None:
    if request.endpoint == "hooks.receive" or request.path.startswith(API):
        return  # the connector parses webhooks; the API reports wrong parameters itself
    sent = request.form if request.endpoint else MultiDict[str, str]()  # without a route, nobody reads the form
    texts = [request.path, *_all_values(request.args), *_all_values(sent)]
    numbers = [_number(text) for text in _all_values(request.args)]
    numbers += [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    if any("\x00" in text for text in texts) or any(abs(number) > LARGEST_NUMBER for number in numbers):
        abort(400)


def _all_values(fields: MultiDict[str, str]) -> Iterator[str]:
    """Yield every value, also the further ones of a field that was sent several times."""
    return chain.from_iterable(fields.listvalues())


def _number(text: str) -> int:
    """Return the number that a view reads from a text, as `type=int` does; 0 for any other text."""
    try:
        return int(text)
    except ValueError:  # no number, or one with too many digits for Python too
        return 0


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", NO_STORE)
    return response
