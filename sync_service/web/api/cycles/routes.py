"""API routes of a cycle that is over: its scores and outcomes, closing, refreezing, settling, carrying over."""

from collections.abc import Callable, Sequence

from flask import Response, abort
from flask_openapi3 import Tag
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from sync_service.config_file.edit.carry_over import CarryOver, NotCarried
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.cycles.outcomes import Outcome
from sync_service.domain.text import sentence
from sync_service.progress.cycles.closing import Closer, NotPossible, line_of
from sync_service.store.engine.database import reading
from sync_service.store.views.cycles.closing import ClosingLine, ClosingView, closing_view
from sync_service.web.api.cycles.models import (
    CarriedOver,
    CarryingOver,
    Closing,
    CycleClosing,
    Refreezing,
    Settlement,
)
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import not_found, problem
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import compute_for_seconds, services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = api_blueprint(
    "api_cycles", __name__, Tag(name="Cycles", description="Scores and outcomes of a cycle, proposed and settled.")
)


class CyclePath(BaseModel):
    """The path parameter of one cycle."""

    slug: str = Field(description="the cycle's slug, upper or lower case", json_schema_extra={"example": "2026-q4"})


@blueprint.get("/cycles/<slug>", responses=responses(CycleClosing, missing=True))
@guarded(Guard.VIEWER)
def show_cycle(path: CyclePath) -> Response:
    """Show a cycle with the scores and outcomes of its key results."""
    return _shown(path.slug)


@blueprint.post("/cycles/<slug>/close", responses=responses(CycleClosing, missing=True, conflict=True))
@guarded(Guard.ADMIN)
def close_cycle(path: CyclePath, body: Closing) -> Response:
    """Make the numbers of a cycle final once its days of grace are over; show what is proposed, and `under_way`."""
    if body.preview:
        return _shown(path.slug)
    return _changed(path.slug, lambda closer, view: closer.close(view))


@blueprint.post("/cycles/<slug>/settle", responses=responses(CycleClosing, missing=True, conflict=True))
@guarded(Guard.ADMIN)
def settle_cycle(path: CyclePath, body: Settlement) -> Response:
    """Settle the outcome and the score of a key result, or all that are proposed."""

    def settle(closer: Closer, view: ClosingView) -> Sequence[int]:
        if body.key_result is None:
            closer.settle_proposed(view)
        else:
            outcome = Outcome(body.outcome) if body.outcome else None
            closer.settle(view.slug, _line(view, body.key_result), outcome)
        return ()

    if body.outcome is not None and body.key_result is None:
        abort(problem(422, "Name the key result that has this outcome."))
    return _changed(path.slug, settle)


@blueprint.post("/cycles/<slug>/refreeze", responses=responses(CycleClosing, missing=True, conflict=True))
@guarded(Guard.ADMIN)
def refreeze_cycle(path: CyclePath, body: Refreezing) -> Response:
    """Compute final numbers once more that were stale or partly seen, after a poll; `under_way` says what is left."""

    def refreeze(closer: Closer, view: ClosingView) -> Sequence[int]:
        return closer.refreeze([_line(view, body.key_result)] if body.key_result else view.key_results)

    return _changed(path.slug, refreeze)


@blueprint.post("/cycles/<slug>/carry-over", responses=responses(CarriedOver, missing=True, conflict=True))
@guarded(Guard.ADMIN)
def carry_over_cycle(path: CyclePath, body: CarryingOver) -> Response:
    """Carry key results over into another cycle, as successors with slugs of their own."""
    with reading(services().engine) as tx:
        slug = _find(tx, path.slug).slug
    carrying = CarryOver(
        applying=_applying(f"carried over from {slug} into {body.into}"),
        cycle=slug,
        into=body.into,
        slugs=body.key_results,
        rules=body.rules,
        links=body.links,
    )
    try:
        plan = carrying.preview() if body.preview else carrying.carry_out()
    except (NotCarried, InvalidFiles) as error:
        abort(problem(409, sentence(str(error))))
    if not body.preview:
        wake("relink_request", "recompute", "rule_revision")
    found = CarriedOver(changes=[str(one) for one in plan.changes], warnings=list(plan.warnings))
    return json_response(found.model_dump())


def _applying(audit_text: str) -> ConfigApplier:
    return ConfigApplier.of(services(), actor=actor(), audit_text=audit_text)


def _shown(slug: str) -> Response:
    with reading(services().engine) as tx:
        return json_response(CycleClosing.json_of(_find(tx, slug)))


def _changed(slug: str, change: Callable[[Closer, ClosingView], Sequence[int]]) -> Response:
    """Change a cycle as the caller, and compute what that asks for; return it as it is after some seconds."""
    caller, engine = current_caller(), services().engine
    closer = Closer(engine=engine, by=caller.name if caller else "", actor=actor(), now=services().now())
    with reading(engine) as tx:
        view = _find(tx, slug)
    try:
        ids = change(closer, view)
    except NotPossible as error:
        abort(problem(409, sentence(str(error))))
    compute_for_seconds(ids)
    wake("recompute", "write_back")
    return _shown(slug)


def _find(tx: Connection, slug: str) -> ClosingView:
    # PostgreSQL accepts no NUL in a text, not even in a query that would find nothing.
    found = closing_view(tx, slug, services().now()) if slug.isprintable() else None
    return found or not_found(f"There is no cycle {slug!r}. GET /api/v1/cycles lists all.")


def _line(view: ClosingView, slug: str) -> ClosingLine:
    return line_of(view, slug) or not_found(f"The cycle {view.slug} has no key result {slug!r}.")
