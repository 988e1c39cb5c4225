"""The search page, and the results that the palette shows while somebody types."""

from collections.abc import Mapping

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.views.search.find import LIMIT, SearchResults, find
from sync_service.store.views.search.found import Found, Kind
from sync_service.store.views.search.issues import LONGEST_ADDRESS
from sync_service.web.pages.template_globals import navigation
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded
from sync_service.web.search.result_pages import page_of

blueprint = Blueprint("search", __name__)

MOST = 100
"""Results of one kind, where only that kind is shown."""

IN_PALETTE = 5
"""Results of each kind in the palette."""

TITLES: Mapping[Kind, str] = {
    Kind.KEY_RESULTS: "Key results",
    Kind.OBJECTIVES: "Objectives",
    Kind.ISSUES: "Issues",
    Kind.RULES: "Rules",
    Kind.TEAMS: "Teams",
    Kind.PEOPLE: "People",
}


@blueprint.get("/search")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """Show what `?q=` finds: words, a slug, an e-mail address, an issue's key or address. `?in=` shows one kind."""
    written = request.args.get("q", "").strip()
    chosen = request.args.get("in", "")
    only = Kind(chosen) if chosen in list(Kind) else None
    with reading(services().engine) as tx:
        if only:
            found = find(tx, written, services().connectors, kinds=[only], limit=MOST)
        else:
            found = find(tx, written, services().connectors)
    return _rendered("search.html", written, found, only=only, limit=MOST if only else LIMIT)


@blueprint.get("/search/palette")
@guarded(Guard.VIEWER)
def palette() -> ResponseReturnValue:
    """Render the best results for the palette, for htmx, with the main pages that have the words in their names."""
    written = request.args.get("q", "").strip()
    with reading(services().engine) as tx:
        found = find(tx, written, services().connectors, limit=IN_PALETTE)
    pages = [entry for entry in navigation() if entry.word.casefold().startswith(written.casefold())]
    return _rendered("palette_found.html", written, found, pages=pages)


def _rendered(template: str, written: str, found: SearchResults, **values: object) -> str:
    return render_template(
        template,
        written=written[:LONGEST_ADDRESS],
        groups=found.groups,
        unknown=found.unknown,
        titles=TITLES,
        page_url=_page_url,
        **values,
    )


def _page_url(one: Found) -> str:
    endpoint, values = page_of(one)
    return url_for(endpoint, **values)
