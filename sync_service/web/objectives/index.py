"""The objectives page: the objectives of a cycle by team or by alignment, filtered, with their progress."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.store.engine.database import reading
from sync_service.store.people.auth import team_of
from sync_service.store.views.objectives import TeamView, current_cycle, cycle_views, team_views
from sync_service.web.objectives.alignment import tree
from sync_service.web.objectives.filters import CONFIDENCE_WORDS, NO_TEAM, URGENCY, ObjectiveFilter, summarize
from sync_service.web.pages import pace_text
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.context import services
from sync_service.web.request.guards import Caller, Guard, current_caller, guarded

blueprint = Blueprint("objectives", __name__)

ALL_OPEN = 60
"""The largest number of key results with which every team is open; with more, only the reader's own."""


@blueprint.get("/objectives")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """Show the objectives of the current cycle, or of `?cycle=`, filtered as `ObjectiveFilter.read` says.

    `?view=tree` shows them below the objectives that they are aligned with, in place of by team. Of a long list only
    the open teams are rendered: those of `?open=`, team slugs with commas between, else the reader's own.
    """
    now, asked, caller = services().now(), request.args.get("cycle"), current_caller()
    choice = ObjectiveFilter.read(request.args, me=caller.email if caller else None)
    with reading(services().engine) as tx:
        cycles = cycle_views(tx, now)
        chosen = next((cycle for cycle in cycles if cycle.slug == asked), None) if asked else current_cycle(cycles, now)
        if asked and chosen is None:
            abort(404, f"There is no cycle {asked}.")
        teams = team_views(tx, chosen.slug, now) if chosen else []
        own_team = _own_team(tx, caller)
    shown = choice.apply(teams)
    objectives = [one for team in shown for one in team.objectives]
    as_tree = request.args.get("view") == "tree"
    return render_template(
        "objectives.html",
        cycles=cycles,
        cycle=chosen,
        teams=teams,
        shown=shown,
        branches=tree(objectives) if as_tree else None,
        choice=choice,
        mine=caller is not None and choice.owner != "" and choice.owner == caller.email,
        summary=summarize(objectives),
        summarize=summarize,
        owners=_owners(teams),
        statuses=URGENCY,
        confidences=CONFIDENCE_WORDS,
        no_team=NO_TEAM,
        opened=_opened(shown, own_team, request.args.get("open")),
        expected=chosen.span.elapsed(now) if chosen and not chosen.closed else None,
        day=pace_text.day_of_cycle(chosen.span, now) if chosen else None,
        now=now,
        example=None if chosen else example(now.astimezone(zone()).date(), caller),
    )


def _own_team(tx: Connection, caller: Caller | None) -> str | None:
    return team_of(tx, caller.person_id) if caller and caller.person_id is not None else None


def _owners(teams: Sequence[TeamView]) -> list[tuple[str, str]]:
    """Return the address and name of everybody who owns a key result or an objective, by name."""
    found: dict[str, str] = {}
    for team in teams:
        for objective in team.objectives:
            owners = [(objective.owner, objective.owner_name)]
            owners += [(line.view.owner, line.view.owner_name) for line in objective.key_results]
            found.update((address, name or address) for address, name in owners if address)
    return sorted(found.items(), key=lambda one: (one[1].casefold(), one[0]))


def _opened(shown: Sequence[TeamView], own_team: str | None, asked: str | None) -> set[str | None]:
    """Return the slugs of the teams that are open: those asked for, or all of a short list, or the reader's own."""
    slugs = {team.slug for team in shown}
    if asked is not None:
        wanted = asked.split(",")
        return {slug for slug in slugs if (slug or NO_TEAM) in wanted}
    count = sum(len(one.key_results) for team in shown for one in team.objectives)
    return slugs if count <= ALL_OPEN or len(slugs) == 1 else slugs & {own_team}


def example(today: date, caller: Caller | None) -> str:
    """Return a configuration file to begin with: an objective of this quarter, owned by the caller."""
    quarter = (today.month - 1) // 3 + 1
    starts = date(today.year, 3 * quarter - 2, 1)
    ends = (starts + timedelta(days=95)).replace(day=1) - timedelta(days=1)
    slug = f"{today.year}-q{quarter}"
    email = caller.email if caller and _PLAIN_ADDRESS.fullmatch(caller.email or "") else None
    owner = f"    owner: {email}\n" if email else ""
    return _EXAMPLE.format(slug=slug, name=f"Q{quarter} {today.year}", starts=starts, ends=ends, owner=owner)


_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+")
"""Addresses that YAML and the configuration file read as they are."""

_EXAMPLE = """\
cycles:
  - {{slug: {slug}, name: {name}, starts: {starts}, ends: {ends}}}
objectives:
  - slug: fast-checkout
    title: Paying is effortless
    cycle: {slug}
{owner}    key_results:
      - slug: KR-1
        title: Ship the new checkout
        measure: {{kind: done-share}}"""
