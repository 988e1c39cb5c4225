"""API routes of rules that are tried before they count."""

from flask import Response, abort
from flask_openapi3 import Tag

from sync_service.domain.text import sentence
from sync_service.progress.previews.try_issue import UnknownIssueError, try_issue
from sync_service.progress.previews.written_rule import WrongRule, preview_written
from sync_service.progress.rules.editor import NotAllowed, Refused, RuleEditor
from sync_service.store.engine.database import reading
from sync_service.store.views.rule_details import rights as rule_rights
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import problem
from sync_service.web.api.trials.models import IssueToTry, TriedIssue, TriedIssueList
from sync_service.web.api.trials.preview_models import PreviewRequest, RulePreview, preview_json
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = api_blueprint(
    "api_trials",
    __name__,
    Tag(name="Trials", description="What rules say of an issue, and what saving a rule would do. Nothing is saved."),
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


@blueprint.post("/rules/preview", responses=responses(RulePreview, conflict=True))
@guarded(Guard.MEMBER)
def preview_rule(body: PreviewRequest) -> Response:
    """Say what saving a rule would do: links, proposals, old and new value of each key result; on demand their lines.

    It needs the rights of saving the rule.
    """
    caller = current_caller()
    assert caller is not None  # the route requires a role
    try:
        with reading(services().engine) as tx:
            writer = rule_rights.writer(tx, role=caller.role.value, person_id=caller.person_id)
            editor = RuleEditor(tx=tx, writer=writer, by=caller.name, actor="", now=services().now())
            found = preview_written(editor, body.written(), lines=body.lines)
    except WrongRule as error:
        errors = [{"parameter": ".".join(map(str, one.path)), "detail": one.words} for one in error.mistakes]
        abort(problem(422, str(error), errors=errors))
    except NotAllowed as error:
        abort(problem(403, sentence(str(error))))
    except Refused as error:
        abort(problem(409, sentence(str(error))))
    return json_response(preview_json(found))
