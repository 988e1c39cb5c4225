"""Carry key results over into another cycle by page: choose them, see what would change, then do it."""

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from sync_service.config_file.edit.carry_over import CarryOver, NotCarried
from sync_service.config_file.plan.apply import ConfigApplier, Plan
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.text import counted, sentence
from sync_service.store.cycles.successors import candidates
from sync_service.store.engine.database import reading
from sync_service.store.views.cycles.closing import closing_view
from sync_service.store.views.objectives import cycle_views
from sync_service.web.cycles.cycle_page import carried_by_default, find_cycle, later_cycles, read_cycle
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("objectives_carry_over", __name__, url_prefix="/cycles/<slug>/carry-over")


@blueprint.get("")
@guarded(Guard.ADMIN)
def choose(slug: str) -> ResponseReturnValue:
    """Show which key results can be carried over; with `?into=` what carrying them over would change."""
    if not request.args.get("into"):
        return _page(slug, {})
    try:
        return _page(slug, request.args, plan=_carrying(slug, request.args).preview())
    except (NotCarried, InvalidFiles) as error:
        return _page(slug, request.args, wrong=sentence(str(error))), 409


@blueprint.post("")
@guarded(Guard.ADMIN)
def carry_out(slug: str) -> ResponseReturnValue:
    """Carry the chosen key results over, and go to the objectives of the cycle that has them now."""
    try:
        plan = _carrying(slug, request.form).carry_out()
    except (NotCarried, InvalidFiles) as error:
        return _page(slug, request.form, wrong=sentence(str(error))), 409
    wake("relink_request", "recompute", "rule_revision")
    made = _made(plan)
    flash(f"Carried over: {counted(len(made), 'key result')}, {', '.join(made)}.", "success")
    for warning in _warnings(plan):
        flash(sentence(warning), "warning")
    return redirect(url_for("objectives.index", cycle=request.form["into"]))


def _made(plan: Plan) -> list[str]:
    return [str(one.key) for one in plan.changes if one.section == "key_results" and one.before is None]


def _warnings(plan: Plan) -> list[str]:
    """Return the warnings about the successors."""
    return [warning for warning in plan.warnings if any(one in warning for one in _made(plan))]


def _carrying(slug: str, form: "MultiDict[str, str]") -> CarryOver:
    with reading(services().engine) as tx:
        cycle = read_cycle(tx, slug).slug
    into = form.get("into", "")
    named = form.getlist("key_result")
    if not named:
        raise NotCarried("no key result is chosen")
    return CarryOver(
        applying=ConfigApplier.of(services(), actor=actor(), audit_text=f"carried over from {cycle} into {into}"),
        cycle=cycle,
        into=into,
        slugs=named,
        rules=bool(form.get("rules")),
        links=bool(form.get("links")),
    )


def _page(
    slug: str, form: "MultiDict[str, str] | Mapping[str, str]", *, plan: Plan | None = None, wrong: str = ""
) -> str:
    now = services().now()
    with reading(services().engine) as tx:
        cycles = cycle_views(tx, now)
        cycle = find_cycle(cycles, slug)
        closing = closing_view(tx, cycle.slug, now) or abort(404, f"There is no cycle {slug}.")
        known = candidates(tx, cycle.slug)
    chosen = form.getlist("key_result") if isinstance(form, MultiDict) else carried_by_default(known)
    return render_template(
        "carry_over.html",
        cycle=cycle,
        lines=closing.key_results,
        open_ones=[one.slug for one in known if one.outcome is not None and one.successor is None],
        successors={one.slug: one.successor for one in known if one.successor},
        later=later_cycles(cycles, cycle),
        chosen=chosen,
        form=form,
        plan=plan,
        warnings=_warnings(plan) if plan else (),
        wrong=wrong,
    )
