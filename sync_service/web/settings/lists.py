"""Lists of cycles, people and teams."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import cycle_views
from sync_service.store.views.pages.settings_lists import person_rows, team_rows
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("settings_lists", __name__)


@blueprint.get("/cycles")
@guarded(Guard.VIEWER)
def cycles() -> ResponseReturnValue:
    """List the cycles, the latest first."""
    now = services().now()
    with reading(services().engine) as tx:
        found = cycle_views(tx, now)
    return render_template("cycles.html", cycles=found, now=now)


@blueprint.get("/people")
@guarded(Guard.MEMBER)
def people() -> ResponseReturnValue:
    """List the people who may sign in; their addresses are for members."""
    with reading(services().engine) as tx:
        found = person_rows(tx)
    return render_template("people.html", people=found)


@blueprint.get("/teams")
@guarded(Guard.VIEWER)
def teams() -> ResponseReturnValue:
    """List the teams as a tree."""
    with reading(services().engine) as tx:
        found = team_rows(tx)
    return render_template("teams.html", teams=found)
