"""The page of one objective: its progress, key results, alignment, and what moved it lately."""

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import cycle_views, objective_view
from sync_service.store.views.pages.recent_changes import recent_changes
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded, owns

blueprint = Blueprint("objectives_page", __name__)

RECENT = 20
"""Changes that the page shows."""


@blueprint.get("/objectives/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show an objective by its slug, in any letter case."""
    now = services().now()
    with reading(services().engine) as tx:
        found = objective_view(tx, slug, now)
        if found is None:
            abort(404, f"There is no objective {slug}.")
        cycle = next(one for one in cycle_views(tx, now) if one.slug == found.cycle)
        changes = recent_changes(tx, [line.view.id for line in found.key_results], limit=RECENT)
    return render_template(
        "objective_page.html",
        objective=found,
        cycle=cycle,
        changes_shown=changes,
        may_edit=owns(found.owner),
        expected=None if cycle.closed else cycle.span.elapsed(now),
    )
