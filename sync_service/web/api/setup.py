"""Set up the API in the application: its blueprints, rate limit and error handlers."""

from typing import Any

from flask import Response
from flask_limiter import Limiter
from flask_openapi3 import Info, OpenAPI, Server
from flask_wtf.csrf import CSRFProtect

import sync_service
from sync_service.web.api import bearer_auth, key_results, lists, models, openapi, openapi_docs, problems
from sync_service.web.api.cycles import routes as cycles
from sync_service.web.api.decisions import routes as decisions
from sync_service.web.api.entries import check_ins, steps
from sync_service.web.api.forecasts import routes as issues
from sync_service.web.api.line import routes as line
from sync_service.web.api.plan import routes as plan
from sync_service.web.api.queries import routes as queries
from sync_service.web.api.rules import routes as rules
from sync_service.web.api.search import routes as search
from sync_service.web.api.trials import routes as trials

LIMIT = "600/minute"
"""Per token and web process. Webhooks are never limited: GitHub would not send them again."""


def description(base_path: str) -> dict[str, Any]:
    """Return the arguments of `OpenAPI(...)` for the document and for validation errors."""
    return {
        "servers": [Server(url=base_path)] if base_path else None,
        "info": Info(title="OKR Sync", version=sync_service.__version__, description=openapi_docs.DESCRIPTION),
        "openapi_extensions": openapi.components(),
        "validation_error_model": models.Problem,
        "validation_error_callback": problems.refuse_input,
    }


def install(app: OpenAPI, csrf: CSRFProtect) -> None:
    """Add the API. Install the guards before, so that the limit counts only valid tokens."""
    # Flask runs these in reverse order: registered before the limiter's, it runs after it.
    app.after_request(_correct_retry_after)
    limiter = Limiter(bearer_auth.fingerprint_sent, app=app, storage_uri="memory://", headers_enabled=True)
    problems.install(app)
    for blueprint in (
        key_results.blueprint,
        issues.blueprint,
        line.blueprint,
        plan.blueprint,
        decisions.blueprint,
        check_ins.blueprint,
        cycles.blueprint,
        steps.blueprint,
        rules.blueprint,
        trials.blueprint,
        queries.blueprint,
        search.blueprint,
        lists.blueprint,
    ):
        csrf.exempt(blueprint)  # browsers do not send bearer tokens by themselves
        limiter.shared_limit(LIMIT, scope="api")(blueprint)
        app.register_api(blueprint)
    app.register_blueprint(openapi.blueprint)


def _correct_retry_after(response: Response) -> Response:
    # Flask-Limiter sends Retry-After with every response, for its own limit.
    if response.status_code == 503:
        response.headers["Retry-After"] = str(problems.RETRY_SECONDS)
    elif response.status_code != 429:
        response.headers.pop("Retry-After", None)
    return response
