"""The change counter that open pages poll every second, so that they refresh without holding a worker thread."""

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue

from sync_service.web.pages.template_globals import changes
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("changes", __name__)


@blueprint.get("/changes")
@guarded(Guard.VIEWER)
def counter() -> ResponseReturnValue:
    """Return `{"changes": n}`, or 304 when `If-None-Match` names the current counter."""
    response = make_response({"changes": changes()})
    response.set_etag(str(changes()))
    return response.make_conditional(request)
