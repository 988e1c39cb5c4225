"""API routes of one rule and of proposed links. Only tokens of admins change them: a token has no person."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from flask import Response, abort
from flask_openapi3 import Tag
from pydantic import BaseModel, Field

from sync_service.domain.text import sentence
from sync_service.progress.rules.editor import NotAllowed, Refused, RuleEditor, Unknown
from sync_service.progress.rules.proposed_links import LinkDecider
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import link_decisions, rule_versions
from sync_service.store.views.rule_details import rights as rule_rights
from sync_service.store.views.rule_details.life import rule_life
from sync_service.web.api.key_results import KeyResultPath, find
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import not_found, problem
from sync_service.web.api.rules.models import (
    LinkDecision,
    ProposedLinkList,
    RuleDetail,
    RuleStateChange,
    RuleVersionList,
    Undo,
)
from sync_service.web.request import tracker_questions
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded, may

SHOWN = 500
"""Most proposed links in one response."""

blueprint = api_blueprint(
    "api_rules", __name__, Tag(name="Rules", description="One rule: state, versions, reviews; and proposed links.")
)


class RulePath(BaseModel):
    """The path parameter of one rule."""

    slug: str = Field(
        description="the rule's slug", max_length=100, pattern="^[^\\x00]*$", json_schema_extra={"example": "by-label"}
    )


@blueprint.get("/rules/<slug>", responses=responses(RuleDetail, missing=True))
@guarded(Guard.VIEWER)
def show_rule(path: RulePath) -> Response:
    """Show one rule, when it is due for a review, and which other rules match the same issues."""
    return _rule(path.slug)


@blueprint.get("/rules/<slug>/versions", responses=responses(RuleVersionList, missing=True))
@guarded(Guard.VIEWER)
def list_rule_versions(path: RulePath) -> Response:
    """List the versions of a rule, newest first, also of one that was removed."""
    return _versions(path.slug)


@blueprint.put("/rules/<slug>/state", responses=responses(RuleDetail, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def set_rule_state(path: RulePath, body: RuleStateChange) -> Response:
    """Change the state of a rule."""
    check = partial(services().queries.check_state, path.slug, body.state)
    _edit(lambda editor: editor.set_state(path.slug, body.state), check=check)
    return _rule(path.slug)


@blueprint.post("/rules/<slug>/undo", responses=responses(RuleDetail, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def undo_rule(path: RulePath, body: Undo) -> Response:
    """Make an earlier version of a rule the newest; it may have been removed."""
    check = partial(services().queries.check_version, path.slug, body.version)
    _edit(lambda editor: editor.undo(path.slug, body.version), check=check)
    return _rule(path.slug)


@blueprint.post("/rules/<slug>/review", responses=responses(RuleDetail, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def review_rule(path: RulePath) -> Response:
    """Store that a rule was reviewed."""
    _edit(lambda editor: editor.review(path.slug))
    return _rule(path.slug)


@blueprint.delete("/rules/<slug>", responses=responses(RuleVersionList, missing=True, conflict=True))
@guarded(Guard.MEMBER)
def remove_rule(path: RulePath) -> Response:
    """Remove a rule. Its versions stay and are returned."""
    _edit(lambda editor: editor.remove(path.slug))
    return _versions(path.slug)


@blueprint.get("/key-results/<slug>/proposed-links", responses=responses(ProposedLinkList, missing=True))
@guarded(Guard.VIEWER)
def list_proposed_links(path: KeyResultPath) -> Response:
    """List the links that rules propose and that wait for the owner of the key result, the latest 500 at most."""
    with reading(services().engine) as tx:
        found = link_decisions.waiting(tx, find(tx, path.slug).id, limit=SHOWN)
    return json_response(ProposedLinkList.json_of({"items": found}))


@blueprint.post(
    "/key-results/<slug>/proposed-links", responses=responses(ProposedLinkList, missing=True, conflict=True)
)
@guarded(Guard.MEMBER)
def decide_proposed_links(path: KeyResultPath, body: LinkDecision) -> Response:
    """Accept or decline proposed links; return those that were decided."""
    caller = current_caller()
    if caller is None or not may(Guard.ADMIN):
        abort(
            problem(403, "The owner of a key result or an admin decides. A token has no person: use one of an admin.")
        )
    settle = timedelta(seconds=services().settings.settle_seconds)
    with writing(services().engine) as tx:
        decider = LinkDecider.begin(tx, by=caller.name, actor=actor(), now=services().now(), settle=settle)
        found = find(tx, path.slug)
        try:
            decided = decider.decide(found.id, body.issues, accepted=body.decision == "accept")
        except Unknown as error:
            not_found(sentence(str(error)))
        except Refused as error:
            abort(problem(409, sentence(str(error))))
    wake("notice", "write_back", "recompute")
    return json_response(ProposedLinkList.json_of({"items": decided}))


def _rule(slug: str) -> Response:
    with reading(services().engine) as tx:
        found = rule_life(tx, slug)
    if found is None:
        not_found(f"There is no rule {slug!r}. GET /api/v1/rules lists all.")
    return json_response(RuleDetail.json_of(found))


def _versions(slug: str) -> Response:
    with reading(services().engine) as tx:
        found = rule_versions.read(tx, slug)
    if not found:
        not_found(f"There is no rule {slug!r}, nor was there one.")
    return json_response(RuleVersionList.json_of({"items": found}))


def _edit(edit: Callable[[RuleEditor], object], *, check: Callable[..., object] | None = None) -> None:
    """Let the caller edit a rule; what is refused becomes a problem.

    `check` asks the tracker about its query before; not while another question waits for its answer.
    """
    caller, now = current_caller(), services().now()
    assert caller is not None  # the route requires a role
    try:
        if check is not None:
            with suppress(tracker_questions.Busy), tracker_questions.asking():
                check(role=caller.role.value, person_id=caller.person_id)
        with writing(services().engine) as tx:
            writer = rule_rights.writer(tx, role=caller.role.value, person_id=caller.person_id)
            edit(RuleEditor(tx=tx, writer=writer, by=caller.name, actor=actor(), now=now))
    except Unknown as error:
        not_found(sentence(str(error)))
    except NotAllowed as error:
        abort(problem(403, sentence(str(error))))
    except Refused as error:
        abort(problem(409, sentence(str(error))))
    wake("rule_revision")
