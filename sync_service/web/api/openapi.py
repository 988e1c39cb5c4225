"""The OpenAPI 3.1 document of the API, and the page to read it."""

from typing import Any, cast

from flask import Blueprint, Response, current_app, render_template
from flask_openapi3 import OpenAPI
from pydantic.json_schema import models_json_schema

from sync_service.web.api import list_models, models
from sync_service.web.api.cycles import models as cycle_models
from sync_service.web.api.decisions import bodies
from sync_service.web.api.entries import models as entry_models
from sync_service.web.api.entries.check_ins import NewCheckIn
from sync_service.web.api.forecasts import issue_models
from sync_service.web.api.forecasts import models as forecast_models
from sync_service.web.api.line import models as line_models
from sync_service.web.api.openapi_docs import SECURITY_SCHEMES
from sync_service.web.api.pagination import json_response
from sync_service.web.api.plan import models as plan_models
from sync_service.web.api.plan.bodies import PlanFiles
from sync_service.web.api.queries import models as query_models
from sync_service.web.api.reference import read_reference
from sync_service.web.api.rules import models as rule_models
from sync_service.web.api.search import models as search_models
from sync_service.web.api.trials import models as trial_models
from sync_service.web.api.trials import preview_models
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("api_document", __name__, url_prefix="/api/v1")

RESPONSE_MODELS = (
    models.Problem,
    forecast_models.KeyResultDetail,
    issue_models.ExplainedIssue,
    models.KeyResultList,
    models.IssueList,
    models.HistoryList,
    models.Explanation,
    entry_models.CheckIn,
    entry_models.CheckInList,
    entry_models.Step,
    entry_models.StepList,
    line_models.Line,
    plan_models.Plan,
    cycle_models.CycleClosing,
    cycle_models.CarriedOver,
    rule_models.RuleDetail,
    rule_models.RuleVersionList,
    rule_models.ProposedLinkList,
    trial_models.TriedIssueList,
    preview_models.RulePreview,
    query_models.TriedQuery,
    query_models.QueryWords,
    search_models.FoundGroups,
    list_models.ObjectiveList,
    list_models.CycleList,
    list_models.RuleList,
    list_models.ConnectionList,
    list_models.DeliveryList,
    list_models.NoticeList,
)

BODY_MODELS = (
    bodies.ProposalDecision,
    bodies.NewOverride,
    NewCheckIn,
    trial_models.IssueToTry,
    preview_models.PreviewRequest,
    query_models.QueryToPreview,
    cycle_models.Closing,
    cycle_models.Settlement,
    cycle_models.Refreezing,
    cycle_models.CarryingOver,
    PlanFiles,
    rule_models.RuleStateChange,
    rule_models.Undo,
    rule_models.LinkDecision,
)


def components() -> dict[str, Any]:
    """Return the schemas and the security scheme. flask-openapi3's own schemas would lose the examples."""
    _, schemas = models_json_schema(
        [
            *((model, "serialization") for model in RESPONSE_MODELS),
            *((model, "validation") for model in BODY_MODELS),
        ],
        ref_template="#/components/schemas/{model}",
    )
    return {"components": {"schemas": schemas["$defs"], "securitySchemes": SECURITY_SCHEMES}}


@blueprint.get("/openapi.json")
@guarded(Guard.OPEN)
def openapi() -> Response:
    """Return the OpenAPI document."""
    return json_response(cast("OpenAPI", current_app).api_doc)


@blueprint.get("/docs")
@guarded(Guard.OPEN)
def docs() -> str:
    """Show the document as a page, without scripts."""
    reference = read_reference(cast("OpenAPI", current_app).api_doc)
    return render_template("api_reference.html", reference=reference, address=services().settings.base_url)
