"""API route of plans. A plan is computed on a copy of the database, one at a time in each process."""

import threading

from flask import Response, abort
from flask_openapi3 import Tag

from sync_service.config_file.preview.plan_preview import PlanPreviewer
from sync_service.config_file.read.errors import FileError, InvalidFiles
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.plan.bodies import PlanFiles
from sync_service.web.api.plan.models import Plan
from sync_service.web.api.problems import RETRY_SECONDS, problem
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint(
    "api_plan", __name__, Tag(name="Plan", description="What applying configuration files would change.")
)

_one_at_a_time = threading.Lock()


@blueprint.post("/plan", responses=responses(Plan))
@guarded(Guard.MEMBER)
def make_plan(body: PlanFiles) -> Response:
    """Say what applying files would change: old and new value, progress and status of every key result.

    Nothing is saved, and no secret is read that the files refer to.
    """
    if not _one_at_a_time.acquire(blocking=False):
        busy = problem(503, "Another plan is being computed; try again in a few seconds.")
        busy.headers["Retry-After"] = str(RETRY_SECONDS)
        abort(busy)
    try:
        found = PlanPreviewer.of(services()).preview([one.as_file() for one in body.files], prune=body.prune)
    except InvalidFiles as error:
        errors = [_error(one) for one in error.errors]
        abort(problem(422, f"{errors[0]['parameter']}: {errors[0]['detail']}", errors=errors))
    finally:
        _one_at_a_time.release()
    return json_response(Plan.json_of(found))


def _error(one: FileError) -> dict[str, str]:
    where, _, detail = str(one).partition(": ")
    return {"parameter": where, "detail": detail}
