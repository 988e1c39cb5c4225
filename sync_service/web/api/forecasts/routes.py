"""API route of one issue: what it serves, and what closing it is worth."""

from flask import Response
from flask_openapi3 import Tag
from pydantic import BaseModel, Field

from sync_service.progress.forecasts.explain_issue import explain_issue
from sync_service.store.engine.database import reading
from sync_service.web.api.etag import unless_unchanged
from sync_service.web.api.forecasts.issue_models import ExplainedIssue, issue_json
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import not_found
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint("api_issues", __name__, Tag(name="Issues", description="What an issue is worth."))


class IssuePath(BaseModel):
    """The path parameter of one issue."""

    reference: str = Field(
        description="CONNECTION:KEY in any letter case; `#` is written `%23`",
        json_schema_extra={"example": "acme-github:acme/checkout%2312"},
    )


@blueprint.get("/issues/<path:reference>", responses=responses(ExplainedIssue, polled=True, missing=True))
@guarded(Guard.VIEWER)
def show_issue(path: IssuePath) -> Response:
    """Show which key results an issue serves, why or why not, and what closing it is worth."""

    def build() -> Response:
        found = explain_issue(tx, path.reference, services().now()) if path.reference.isprintable() else None
        if found is None:
            not_found(f"No issue {path.reference!r} is known. Write CONNECTION:KEY, with %23 for #.")
        return json_response(issue_json(found))

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)
