"""API routes of rules that are tried before they count."""

from flask import Response, abort
from flask_openapi3 import Tag

from sync_service.domain.text import sentence
from sync_service.progress.previews.try_issue import UnknownIssueError, try_issue
from sync_service.store.engine.database import reading
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import problem
from sync_service.web.api.trials.models import IssueToTry, TriedIssue, TriedIssueList
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint(
    "api_trials", __name__, Tag(name="Trials", description="What rules say of an issue. Nothing is saved.")
)


@blueprint.post("/rules/try", responses=responses(TriedIssueList, missing=True))
@guarded(Guard.VIEWER)
def try_rules(body: IssueToTry) -> Response:
    """Try an issue: for each rule of its connection, why it matches or not, condition by condition."""
    with reading(services().engine) as tx:
        try:
            found = try_issue(tx, body.issue, services().connectors)
        except UnknownIssueError as error:
            abort(problem(404, sentence(str(error))))
    return json_response({"items": [TriedIssue.json_of(one) for one in found]})
