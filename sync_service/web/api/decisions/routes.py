"""API routes that decide about values: accept or decline a proposed one, override the computed one, and end that.

A token has no person, so only tokens of admins decide.
"""

from collections.abc import Callable
from datetime import timedelta

from flask import Response, abort
from flask_openapi3 import Tag

from sync_service.domain.measures.applying.applied import Decision
from sync_service.domain.text import sentence
from sync_service.progress.applying.proposals import Decider, InvalidOverride, Refused
from sync_service.store.engine.database import writing
from sync_service.web.api.decisions.bodies import NewOverride, ProposalDecision
from sync_service.web.api.key_results import KeyResultPath, find
from sync_service.web.api.models import KeyResult
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import problem
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded, may

blueprint = api_blueprint(
    "api_decisions",
    __name__,
    Tag(name="Decisions", description="Accept or decline proposed values, and override computed ones."),
)

DECISIONS = {"accept": Decision.ACCEPTED, "decline": Decision.DECLINED}


@blueprint.post("/key-results/<slug>/proposal", responses=responses(KeyResult, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def decide_proposal(path: KeyResultPath, body: ProposalDecision) -> Response:
    """Accept or decline the proposed value of a key result."""
    return _decided(
        path.slug,
        lambda decider, id_: decider.decide(id_, DECISIONS[body.decision], word=body.word, expected=body.value),
    )


@blueprint.put("/key-results/<slug>/override", responses=responses(KeyResult, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def override_value(path: KeyResultPath, body: NewOverride) -> Response:
    """Override the value of a key result."""
    return _decided(path.slug, lambda decider, id_: decider.override(id_, body.value, until=body.until))


@blueprint.delete("/key-results/<slug>/override", responses=responses(KeyResult, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def end_override(path: KeyResultPath) -> Response:
    """End the override of a key result: the computed value applies again, or the last one that was accepted."""
    return _decided(path.slug, lambda decider, id_: decider.resume(id_))


def _decided(slug: str, decide: Callable[[Decider, int], object]) -> Response:
    """Let the caller decide; return the key result as it is then."""
    caller, now = current_caller(), services().now()
    if caller is None or not may(Guard.ADMIN):
        abort(
            problem(403, "The owner of a key result or an admin decides. A token has no person: use one of an admin.")
        )
    settle = timedelta(seconds=services().settings.settle_seconds)
    with writing(services().engine) as tx:
        decider = Decider.begin(tx, by=caller.name, actor=actor(), now=now, settle=settle)
        found = find(tx, slug)
        try:
            decide(decider, found.id)
        except InvalidOverride as error:
            abort(problem(422, sentence(str(error))))
        except Refused as error:
            abort(problem(409, sentence(str(error))))
        answer = json_response(KeyResult.json_of(find(tx, slug)))
    wake("notice", "write_back", "recompute")
    return answer
