"""API routes of steps: list them, tick and untick one. A token has no person, so it needs the role admin."""

from flask import Response, abort
from flask_openapi3 import Tag
from pydantic import Field

from sync_service.domain.people.check_in import CheckInRefused, NotAllowed
from sync_service.progress.manual import step_ticks
from sync_service.store.engine.database import reading, writing
from sync_service.web.api.entries.models import Step, StepList
from sync_service.web.api.key_results import KeyResultPath, find
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import not_found, problem
from sync_service.web.request.audit_log import author
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint("api_steps", __name__, Tag(name="Steps", description="Steps that people mark as done."))


class StepPath(KeyResultPath):
    """The path parameters of one step."""

    step: str = Field(description="its number, from 1, or its name", json_schema_extra={"example": "1"})


@blueprint.get("/key-results/<slug>/steps", responses=responses(StepList, missing=True))
@guarded(Guard.VIEWER)
def list_steps(path: KeyResultPath) -> Response:
    """List the steps of a key result; none where its measure is another one."""
    with reading(services().engine) as tx:
        return json_response(
            StepList.json_of({"items": step_ticks.step_states(tx, find(tx, path.slug), services().now())})
        )


@blueprint.put("/key-results/<slug>/steps/<step>", responses=responses(Step, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def tick_step(path: StepPath) -> Response:
    """Mark a step as done. The value is computed soon after."""
    return _set(path, done=True)


@blueprint.delete("/key-results/<slug>/steps/<step>", responses=responses(Step, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def untick_step(path: StepPath) -> Response:
    """Mark a step as open again, unless its issue is done."""
    return _set(path, done=False)


def _set(path: StepPath, *, done: bool) -> Response:
    try:
        with writing(services().engine) as tx:
            view = find(tx, path.slug)
            before = step_ticks.set_done(tx, view, path.step, done=done, author=author(), now=services().now())
            after = step_ticks.step_states(tx, view, services().now())[before.number - 1]
    except NotAllowed as refused:
        abort(problem(403, str(refused)))
    except step_ticks.NoStep as refused:
        not_found(str(refused))
    except CheckInRefused as refused:
        abort(problem(409, str(refused)))
    wake("recompute")
    return json_response(Step.json_of(after))
