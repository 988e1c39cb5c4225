"""Steps on the page of a key result: tick one, or open it again."""

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.people.check_in import CheckInRefused, NotAllowed
from sync_service.progress.manual import step_ticks
from sync_service.store.engine.database import writing
from sync_service.web.pages.key_results import find
from sync_service.web.request.audit_log import author
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("steps", __name__, url_prefix="/key-results/<slug>/steps")


@blueprint.post("/<number>")
@guarded(Guard.MEMBER)
def tick(slug: str, number: str) -> ResponseReturnValue:
    """Tick a step, or open it again. Only the owner and admins may."""
    done = request.form.get("done") == "yes"
    try:
        with writing(services().engine) as tx:
            view, _ = find(tx, slug)
            step_ticks.set_done(tx, view, number, done=done, author=author(), now=services().now())
    except NotAllowed as refused:
        abort(403, str(refused))
    except step_ticks.NoStep as refused:
        abort(404, str(refused))
    except CheckInRefused as refused:
        abort(409, str(refused))
    wake("recompute")
    flash("Done. The value changes in a moment." if done else "Open again. The value changes in a moment.", "success")
    return redirect(url_for("key_results.show", slug=view.slug, _anchor="steps"))
