"""What is shown beside the forms of objectives and key results while somebody types: hints, and what a goal gives."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_okrs import NoItem, exported_key_result
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.okrs.hints import objective_hints
from sync_service.progress.previews.goal_preview import Goal, preview_goal
from sync_service.store.engine.database import reading
from sync_service.store.views.key_results import key_result_view
from sync_service.web.forms.draft import FormError
from sync_service.web.objectives import okr_form
from sync_service.web.objectives.okr_editor import editor, found_in, hints_on, state
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("objectives_hints", __name__, url_prefix="/edit")


@blueprint.post("/objective/hints")
@guarded(Guard.MEMBER)
def hints_of_objective() -> ResponseReturnValue:
    """Show hints on the title that is being typed."""
    texts = okr_form.read_texts(request.form, ("title",))
    count = request.form.get("count", 0, type=int)
    return render_template("okr_hints.html", hints=list(objective_hints(texts["title"], count)), preview=None)


@blueprint.post("/objective/<slug>/key-result/hints")
@guarded(Guard.MEMBER)
def hints_of_key_result(slug: str) -> ResponseReturnValue:  # noqa: ARG001 - part of the address
    """Show hints on the key result that is being typed."""
    texts = okr_form.read_texts(request.form, okr_form.KEY_RESULT)
    return render_template("okr_hints.html", hints=hints_on(texts), preview=None)


@blueprint.post("/key-result/<slug>/preview")
@guarded(Guard.MEMBER)
def preview_key_result(slug: str) -> ResponseReturnValue:
    """Show hints, and the value that linked work gives now with what is being typed."""
    texts, stored = okr_form.read_texts(request.form, okr_form.KEY_RESULT), state()
    item = found_in(exported_key_result, stored, slug)
    try:
        fields = editor().plan_key_result(stored, okr_form.key_result_item(texts, item))
    except FormError as error:
        return render_template("okr_hints.html", hints=hints_on(texts), errors=error.fields, preview=None)
    except NoItem as error:
        errors = {"objective": str(error)}
        return render_template("okr_hints.html", hints=hints_on(texts), errors=errors, preview=None)
    except InvalidFiles as error:
        return render_template("okr_hints.html", hints=hints_on(texts), errors=okr_form.errors_of(error), preview=None)
    goal = Goal(measure=fields["measure"], start=fields["start"], target=fields["target"], stay=fields["stay"])
    with reading(services().engine) as tx:
        view = key_result_view(tx, slug, services().now())
        found = preview_goal(tx, view.id, goal, services().now()) if view else None
    return render_template("okr_hints.html", hints=hints_on(texts), preview=found, view=view, fields=fields)
