"""The home page: what needs the reader, what moved since they last looked, their key results and their team's."""

from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading, writing
from sync_service.store.people.auth import team_of
from sync_service.store.people.seen import mark_seen, seen_at
from sync_service.store.views.key_results import KeyResultView
from sync_service.store.views.objectives import TeamView, current_cycle, cycle_views, team_views_of_person
from sync_service.store.views.pages.needs import needs
from sync_service.store.views.pages.recent_changes import recent_changes
from sync_service.web.objectives.filters import ObjectiveFilter
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller, guarded, may

blueprint = Blueprint("home", __name__)

UNSEEN_DAYS = 7
"""Days of changes that somebody sees who never marked them as seen."""

MOST_CHANGES = 20
"""Changes that the page shows."""


@blueprint.get("/")
@guarded(Guard.VIEWER)
def show() -> ResponseReturnValue:
    """Show the reader's home page; people without key results or a team go to the objectives."""
    caller, now = current_caller(), services().now()
    if caller is None or caller.person_id is None:
        return redirect(url_for("objectives.index"))
    with reading(services().engine) as tx:
        cycle = current_cycle(cycle_views(tx, now), now)
        teams = team_views_of_person(tx, cycle.slug, caller.person_id, now) if cycle else []
        own_team = team_of(tx, caller.person_id)
        mine = ObjectiveFilter(owner=caller.email or "").apply(teams) if caller.email else []
        of_team = [team for team in teams if own_team is not None and team.slug == own_team]
        views = _views(mine)
        found = needs(tx, views, caller.person_id, now, all_connections=may(Guard.ADMIN))
        seen = seen_at(tx, caller.person_id)
        since = seen or now - timedelta(days=UNSEEN_DAYS)
        followed = {view.id for view in (*views, *_views(of_team))}
        changes = recent_changes(tx, followed, since=since, limit=MOST_CHANGES + 1)
    return render_template(
        "home.html",
        cycle=cycle,
        needs=found,
        mine=[one for team in mine for one in team.objectives],
        team=of_team[0] if of_team else None,
        changes_shown=changes[:MOST_CHANGES],
        more=len(changes) > MOST_CHANGES,
        since=seen,
        now=now,
        expected=cycle.span.elapsed(now) if cycle and not cycle.closed else None,
    )


def _views(teams: list[TeamView]) -> list[KeyResultView]:
    return [line.view for team in teams for one in team.objectives for line in one.key_results]


@blueprint.post("/seen")
@guarded(Guard.VIEWER)
def seen() -> ResponseReturnValue:
    """Remember that the reader has seen the changes that their page showed: those until `until`."""
    caller = current_caller()
    if caller is None or caller.person_id is None:
        abort(403)
    try:
        until = datetime.fromisoformat(request.form.get("until", ""))
    except ValueError:
        abort(400, "The form lacks the time.")
    if until.tzinfo is None:
        abort(400, "The time has no time zone.")
    with writing(services().engine) as tx:
        mark_seen(tx, caller.person_id, min(until, services().now()))
    flash("The changes are marked as seen.", "success")
    return redirect(url_for("home.show"))
