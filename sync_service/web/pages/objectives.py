"""The objectives page: the objectives of a cycle with their progress and last changes."""

import re
from datetime import date, timedelta

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import current_cycle, cycle_views, team_views
from sync_service.web.pages import pace_text
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.context import services
from sync_service.web.request.guards import Caller, Guard, current_caller, guarded

blueprint = Blueprint("objectives", __name__)


@blueprint.get("/")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """Show the objectives of the current cycle, or of `?cycle=`."""
    now, asked = services().now(), request.args.get("cycle")
    with reading(services().engine) as tx:
        cycles = cycle_views(tx, now)
        chosen = next((cycle for cycle in cycles if cycle.slug == asked), None) if asked else current_cycle(cycles, now)
        if asked and chosen is None:
            abort(404, f"There is no cycle {asked}.")
        teams = team_views(tx, chosen.slug, now) if chosen else []
    return render_template(
        "objectives.html",
        cycles=cycles,
        cycle=chosen,
        teams=teams,
        expected=chosen.span.elapsed(now) if chosen and not chosen.closed else None,
        day=pace_text.day_of_cycle(chosen.span, now) if chosen else None,
        now=now,
        example=None if chosen else example(now.astimezone(zone()).date(), current_caller()),
    )


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
