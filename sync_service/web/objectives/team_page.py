"""The page of a team: its objectives of a cycle, its members, and what moved lately."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import current_cycle, cycle_views, team_views
from sync_service.store.views.pages.recent_changes import recent_changes
from sync_service.store.views.pages.teams import team_page
from sync_service.web.objectives.filters import summarize
from sync_service.web.objectives.objective_page import RECENT
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("objectives_team", __name__)


@blueprint.get("/teams/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show a team by its slug, in any letter case, in the current cycle or that of `?cycle=`."""
    now, asked = services().now(), request.args.get("cycle")
    with reading(services().engine) as tx:
        team = team_page(tx, slug)
        if team is None:
            abort(404, f"There is no team {slug}.")
        cycles = cycle_views(tx, now)
        cycle = next((one for one in cycles if one.slug == asked), None) if asked else current_cycle(cycles, now)
        if asked and cycle is None:
            abort(404, f"There is no cycle {asked}.")
        found = team_views(tx, cycle.slug, now, team=team.slug) if cycle else []
        objectives = [one for view in found for one in view.objectives]
        ids = [line.view.id for one in objectives for line in one.key_results]
        changes = recent_changes(tx, ids, limit=RECENT)
    return render_template(
        "team.html",
        team=team,
        cycles=cycles,
        cycle=cycle,
        objectives=objectives,
        summary=summarize(objectives),
        changes_shown=changes,
        expected=cycle.span.elapsed(now) if cycle and not cycle.closed else None,
    )
