"""The objectives page: the objectives of a cycle with their progress and last changes."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import current_cycle, cycle_views, team_views
from sync_service.web.pages import pace_text
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("objectives", __name__)


@blueprint.get("/")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """Show the objectives of the current cycle, or of `?cycle=`."""
    now, asked = services().now(), request.args.get("cycle")
    with reading(services().engine) as tx:
        cycles = cycle_views(tx)
        chosen = next((cycle for cycle in cycles if cycle.slug == asked), None) if asked else current_cycle(cycles, now)
        if asked and chosen is None:
            abort(404, f"There is no cycle {asked}.")
        teams = team_views(tx, chosen.slug, now) if chosen else []
    return render_template(
        "objectives.html",
        cycles=cycles,
        cycle=chosen,
        teams=teams,
        expected=pace_text.expected(chosen.span, now) if chosen else None,
        day=pace_text.day_of_cycle(chosen.span, now) if chosen else None,
        now=now,
    )
