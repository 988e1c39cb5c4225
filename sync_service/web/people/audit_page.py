"""The page of the audit log: who did what and when, for admins."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.people.audit import entries
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

PAGE = 100


@blueprint.get("")
@guarded(Guard.ADMIN)
def index() -> ResponseReturnValue:
    """List the entries, newest first; `?before=` pages."""
    before = request.args.get("before", type=int)
    with reading(services().engine) as tx:
        found = entries(tx, before=before, limit=PAGE + 1)
    return render_template(
        "audit.html",
        entries=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        continued=before is not None,
    )
