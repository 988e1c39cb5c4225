"""The page on which a query is tried: the tracker is asked what it finds, and nothing is saved.

Rules with a query are written in the configuration file, so this page is where their authors see what they do.
"""

from dataclasses import dataclass

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.domain.trackers.queries import Asked
from sync_service.progress.previews.query_preview import TriedQuery
from sync_service.progress.rules.editor import NotAllowed, Refused, Unknown
from sync_service.progress.rules.query_edits import QueryToTry, read_edit
from sync_service.store.engine.database import reading
from sync_service.store.views import rules
from sync_service.store.views.key_results import KeyResultView, key_result_view
from sync_service.web.request import tracker_questions
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded
from sync_service.web.rules.draft import Choices
from sync_service.web.rules.editing import editor_in

blueprint = Blueprint("rule_queries", __name__, url_prefix="/rules/query/preview")

LONGEST = 10_000

STATUSES = {Asked.ANSWERED: 200, Asked.REJECTED: 422, Asked.NOT_NOW: 503, Asked.REFUSED: 502, Asked.IMPOSSIBLE: 409}
"""The status of the page: whoever reads only that knows that "no matches" is not meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows below its form: the answer with the key results it touches, or why there is none."""

    found: TriedQuery | None = None
    key_results: dict[str, KeyResultView] | None = None
    refusal: str = ""
    status: int = 200


@blueprint.get("")
@guarded(Guard.MEMBER)
def show() -> ResponseReturnValue:
    """Show the form: empty, or with the query of a rule (`?rule=`)."""
    slug = request.args.get("rule", "")
    with reading(services().engine) as tx:
        known = rules.rule_views(tx, slug=slug) if slug else []
    one = known[0] if known else None
    written = QueryToTry(
        rule=one.slug if one else None,
        connection=one.connection if one else request.args.get("connection"),
        key_result=one.key_result if one else request.args.get("key_result"),
        query=one.query if one else None,
    )
    return _page(written, Shown())


@blueprint.post("")
@guarded(Guard.MEMBER)
@tracker_questions.limited
def ask() -> ResponseReturnValue:
    """Ask the tracker about the query in the form."""
    names = ("rule", "connection", "key_result", "query")
    fields = {name: request.form.get(name, "").replace("\r\n", "\n").strip()[:LONGEST] or None for name in names}
    written = QueryToTry(**fields)
    return _page(written, _tried(written))


def _tried(written: QueryToTry) -> Shown:
    try:
        with reading(services().engine) as tx:
            edit = read_edit(tx, written, writer=editor_in(tx).writer, now=services().now())
        with tracker_questions.asking():
            found = services().queries.preview(edit)
    except Unknown as error:
        return Shown(refusal=str(error), status=404)
    except NotAllowed as error:
        return Shown(refusal=str(error), status=403)
    except Refused as error:
        return Shown(refusal=str(error), status=422)
    except tracker_questions.Busy:
        return Shown(refusal=tracker_questions.BUSY, status=503)
    effects = found.preview.effects if found.preview else ()
    with reading(services().engine) as tx:
        views = {one.slug: key_result_view(tx, one.slug, services().now()) for one in effects}
    shown = {slug: view for slug, view in views.items() if view is not None}
    return Shown(found=found, key_results=shown, status=STATUSES[found.reply.outcome])


def _page(written: QueryToTry, shown: Shown) -> ResponseReturnValue:
    with reading(services().engine) as tx:
        choices = Choices.read(tx)
    page = render_template("rule_query.html", written=written, shown=shown, choices=choices)
    return page, shown.status
