"""Joining the API to the application: its routes, its limit, its errors."""

from typing import Any

from flask import Response
from flask_limiter import Limiter
from flask_openapi3 import Info, OpenAPI
from flask_wtf.csrf import CSRFProtect

import sync_service
from sync_service.web.api import bearer, document, key_results, lists, models, problems, spelling

LIMIT = "600/minute"
"""For each token and each web process; deliveries are never limited, GitHub would not send them again."""


def description() -> dict[str, Any]:
    """Give what the application must be made with for the OpenAPI document and its own errors."""
    return {
        "info": Info(title="OKR Sync", version=sync_service.__version__, description=spelling.DESCRIPTION),
        "openapi_extensions": document.components(),
        "validation_error_model": models.Problem,
        "validation_error_callback": problems.refuse_input,
    }


def install(app: OpenAPI, csrf: CSRFProtect) -> None:
    """Add the API. The guards must be installed before, so that only good tokens are counted."""
    app.after_request(_no_need_to_wait)  # runs after the limiter's, being registered before it
    limiter = Limiter(bearer.fingerprint_sent, app=app, storage_uri="memory://", headers_enabled=True)
    problems.install(app)
    for blueprint in (key_results.blueprint, lists.blueprint):
        csrf.exempt(blueprint)  # no browser sends a bearer token by itself
        limiter.shared_limit(LIMIT, scope="api")(blueprint)
        app.register_api(blueprint)
    app.register_blueprint(document.blueprint)


def _no_need_to_wait(response: Response) -> Response:
    # The limiter says when its window ends with every answer; only a refusal asks to wait.
    if response.status_code < 400:
        response.headers.pop("Retry-After", None)
    return response
