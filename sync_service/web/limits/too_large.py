"""Refusal of bodies that are too large, before anything else is done for their requests.

The server leaves such a body out. Under another server, Flask's own limit counts, also where a body has no length.
"""

from flask import Flask, abort, request

from sync_service.web.server.environ import TOO_LARGE


def is_too_large() -> bool:
    """Return whether the server found the body of the current request too large."""
    return bool(request.environ.get(TOO_LARGE))


def install(app: Flask, *, except_for: str = "") -> None:
    """Answer 413 to every request with a body that is too large, except for one endpoint, which answers itself."""

    def refuse() -> None:
        if is_too_large() and request.endpoint != except_for:
            abort(413)

    app.before_request(refuse)
