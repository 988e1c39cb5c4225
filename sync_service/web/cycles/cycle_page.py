"""The page of a cycle: its days, its progress by team, and the scores and outcomes of its key results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.domain.cycles.outcomes import Outcome
from sync_service.store.cycles.spans import freeze_times
from sync_service.store.cycles.successors import Candidate, candidates
from sync_service.store.engine.database import reading
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.views.cycles.closing import closing_view
from sync_service.store.views.objectives import CycleView, ObjectiveView, TeamView, cycle_views, team_views
from sync_service.web.objectives.filters import Summary, summarize
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("objectives_cycle", __name__)


@dataclass(frozen=True, slots=True)
class TeamProgress:
    """What a team's objectives have together. `progress` is the mean of those with data; None where none has."""

    slug: str | None
    name: str | None
    summary: Summary
    progress: float | None


@blueprint.get("/cycles/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show a cycle by its slug, in any letter case; once it is over, with what became of its key results."""
    now = services().now()
    with reading(services().engine) as tx:
        cycles = cycle_views(tx, now)
        cycle = find_cycle(cycles, slug)
        teams = team_views(tx, cycle.slug, now)
        is_over = cycle.span.ends_at <= now
        closing = closing_view(tx, cycle.slug, now) if is_over else None
        known = candidates(tx, cycle.slug) if is_over else []
        freezes_at, grace_days = freeze_times(tx)[cycle.slug], team_settings(tx).grace_days
    objectives = [one for team in teams for one in team.objectives]
    return render_template(
        "cycle.html",
        cycle=cycle,
        phase=_phase(cycle, now),
        day=(cycle.span.day_of(now), cycle.span.days),
        freezes_at=freezes_at,
        grace_days=grace_days,
        summary=summarize(objectives),
        progress=mean_progress(objectives),
        teams=list(map(_of_team, teams)),
        closing=closing,
        successors={one.slug: one.successor for one in known if one.successor},
        carried=carried_by_default(known),
        later=later_cycles(cycles, cycle),
        outcomes=list(Outcome),
        expected=None if cycle.closed else cycle.span.elapsed(now),
        now=now,
    )


def find_cycle(cycles: Sequence[CycleView], slug: str) -> CycleView:
    """Return a cycle by its slug, in any letter case, or abort with 404."""
    found = next((one for one in cycles if one.slug.lower() == slug.lower()), None)
    return found or abort(404, f"There is no cycle {slug}.")


def read_cycle(tx: Connection, slug: str) -> CycleView:
    """Read a cycle by its slug, in any letter case, or abort with 404."""
    return find_cycle(cycle_views(tx, services().now()), slug)


def later_cycles(cycles: Iterable[CycleView], cycle: CycleView) -> list[CycleView]:
    """Return the cycles that begin after the end of one, the next first."""
    return sorted((one for one in cycles if one.starts > cycle.ends), key=lambda one: (one.starts, one.slug))


def carried_by_default(known: Iterable[Candidate]) -> list[str]:
    """Return the key results that are carried over where none is named: missed, and without a successor."""
    return [one.slug for one in known if one.outcome == Outcome.MISSED and one.successor is None]


def mean_progress(objectives: Iterable[ObjectiveView]) -> float | None:
    """Return the mean progress of the objectives that have data; None where none has."""
    found = [one.progress for one in objectives if one.progress is not None]
    return sum(found) / len(found) if found else None


def _of_team(team: TeamView) -> TeamProgress:
    return TeamProgress(team.slug, team.name, summarize(team.objectives), mean_progress(team.objectives))


def _phase(cycle: CycleView, now: datetime) -> str:
    """Return `before`, `running`, `grace` (over, not final yet) or `final`."""
    if cycle.closed:
        return "final"
    if now < cycle.span.starts_at:
        return "before"
    return "running" if now < cycle.span.ends_at else "grace"
