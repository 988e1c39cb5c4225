"""Refuse forms that another site sent: besides the CSRF token, check the headers `Origin` and `Referer`.

https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from urllib.parse import urlsplit

import structlog
from flask import Flask, abort, request

from sync_service.web.request.context import services
from sync_service.web.request.guards import API

log = structlog.get_logger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": 80, "https": 443}

SILENT = (
    "Your browser does not say which page sent this form: it sends neither Origin nor Referer. "
    "Allow it to send one of them to this site. A privacy setting or an extension may hold them back."
)


def install(app: Flask) -> None:
    """Check each form that is sent over TLS; without TLS, whoever can change a request can change this too."""
    app.before_request(_check)


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address, as browsers write an origin; empty for what has none."""
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        return ""
    if not url.hostname or url.scheme not in DEFAULT_PORTS:
        return ""
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS[url.scheme]) else "")


def _check() -> None:
    if request.method in SAFE or request.path.startswith(API) or not request.is_secure:
        return
    base = services().settings.base_url
    sent_from = _sent_from()
    if sent_from is None:
        log.info("a form was refused: the browser sends no origin", path=request.path)
        abort(400, SILENT)
    if sent_from not in (origin_of(base), _own_origin()):
        log.info("a form was refused: it comes from another origin", path=request.path, origin=sent_from[:200])
        abort(400, _other_site(sent_from[:200], origin_of(base)))


def _sent_from() -> str | None:
    """Return the origin that the browser names; None where it names none."""
    origin, site = request.headers.get("Origin", "null"), request.headers.get("Sec-Fetch-Site")
    if origin != "null":
        return origin_of(origin) or "an unknown site"
    if site is not None:
        return _own_origin() if site == "same-origin" else "another site"
    return None if request.referrer is None else origin_of(request.referrer) or "an unknown site"


def _own_origin() -> str:
    return origin_of(request.host_url)


def _other_site(sent_from: str, base: str) -> str:
    return (
        f"The form was sent from {sent_from}, and this service is at {base}. Open it there. If the first address is "
        "right, whoever runs the service sets OKR_SYNC_BASE_URL to it and lets the proxy pass the Host header with "
        "its port."
    )
