"""The change counter that open pages ask for every second, so that they refresh without holding a worker thread."""

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue

from sync_service.web.guards import Guard, guarded
from sync_service.web.look import changes

blueprint = Blueprint("changes", __name__)


@blueprint.get("/changes")
@guarded(Guard.VIEWER)
def counter() -> ResponseReturnValue:
    """Give `{"changes": n}`; 304 where the caller's `If-None-Match` still holds."""
    answer = make_response({"changes": changes()})
    answer.set_etag(str(changes()))
    return answer.make_conditional(request)
