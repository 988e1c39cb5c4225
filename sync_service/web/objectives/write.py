"""Pages that write objectives and key results: new ones, and changes of those that exist."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_okrs import Item, exported_key_result, exported_objective
from sync_service.config_file.plan.apply import Plan
from sync_service.config_file.read.state import State
from sync_service.domain.okrs.hints import objective_hints
from sync_service.store.engine.database import reading
from sync_service.store.views.objectives import current_cycle, cycle_views
from sync_service.web.forms.draft import Draft, Texts, flash_saved, merged, sent_base, try_to_save
from sync_service.web.objectives import okr_form
from sync_service.web.objectives.okr_editor import editor, found_in, hints_on, state, writer
from sync_service.web.objectives.okr_form import KIND_WORDS
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("objectives_write", __name__, url_prefix="/edit")


@blueprint.get("/objective")
@guarded(Guard.ADMIN)
def new_objective() -> ResponseReturnValue:
    """Show the form of a new objective of `?team=`, in `?cycle=` or the current one."""
    now, caller = services().now(), current_caller()
    with reading(services().engine) as tx:
        current = current_cycle(cycle_views(tx, now), now)
    cycle = request.args.get("cycle") or (current.slug if current else "")
    owner = caller.email if caller else None
    texts = okr_form.objective_texts({"cycle": cycle, "team": request.args.get("team"), "owner": owner})
    return _objective_page(Draft({**texts, "slug": ""}, {}), state(), None)


@blueprint.post("/objective")
@guarded(Guard.ADMIN)
def create_objective() -> ResponseReturnValue:
    """Create an objective."""
    texts = okr_form.read_texts(request.form, ("slug", *okr_form.OBJECTIVE))

    def save() -> Plan:
        return editor().create_objective({**okr_form.objective_item(texts, {}), "slug": texts["slug"]})

    return _save(save, texts, {}, lambda draft: _objective_page(draft, state(), None), "objectives")


@blueprint.get("/objective/<slug>")
@guarded(Guard.MEMBER)
def edit_objective(slug: str) -> ResponseReturnValue:
    """Show the form of an objective."""
    stored = state()
    texts = okr_form.objective_texts(_own_objective(stored, slug))
    return _objective_page(Draft(texts, texts), stored, slug)


@blueprint.post("/objective/<slug>")
@guarded(Guard.MEMBER)
def save_objective(slug: str) -> ResponseReturnValue:
    """Save an objective. What somebody else saved meanwhile in other fields stays."""
    texts, base = okr_form.read_texts(request.form, okr_form.OBJECTIVE), sent_base(okr_form.OBJECTIVE)

    def edit(item: Item) -> Item:
        return okr_form.objective_item(merged(base, texts, okr_form.objective_texts(item)), item)

    def save() -> Plan:
        return editor().change_objective(slug, edit)

    return _save(save, texts, base, lambda draft: _objective_page(draft, state(), slug), "objectives", slug)


@blueprint.get("/objective/<slug>/key-result")
@guarded(Guard.MEMBER)
def new_key_result(slug: str) -> ResponseReturnValue:
    """Show the form of a new key result of an objective."""
    stored = state()
    _own_objective(stored, slug)
    texts = {**okr_form.key_result_texts({"objective": slug}), "slug": ""}
    return _key_result_page(Draft(texts, {}), stored, None)


@blueprint.post("/objective/<slug>/key-result")
@guarded(Guard.MEMBER)
def create_key_result(slug: str) -> ResponseReturnValue:
    """Create a key result of an objective."""
    texts = okr_form.read_texts(request.form, ("slug", *okr_form.KEY_RESULT)) | {"objective": slug}

    def save() -> Plan:
        return editor().create_key_result({**okr_form.key_result_item(texts, {}), "slug": texts["slug"]})

    return _save(save, texts, {}, lambda draft: _key_result_page(draft, state(), None), "key_results")


@blueprint.get("/key-result/<slug>")
@guarded(Guard.MEMBER)
def edit_key_result(slug: str) -> ResponseReturnValue:
    """Show the form of a key result."""
    stored = state()
    item = found_in(exported_key_result, stored, slug)
    owner = stored["objectives"][item["objective"]]["owner"]
    if not writer().may_change_key_result(item.get("owner"), owner):
        abort(403, "Only its owner, the owner of its objective and admins change this key result.")
    texts = okr_form.key_result_texts(item)
    return _key_result_page(Draft(texts, texts), stored, slug)


@blueprint.post("/key-result/<slug>")
@guarded(Guard.MEMBER)
def save_key_result(slug: str) -> ResponseReturnValue:
    """Save a key result. What somebody else saved meanwhile in other fields stays."""
    texts, base = okr_form.read_texts(request.form, okr_form.KEY_RESULT), sent_base(okr_form.KEY_RESULT)

    def edit(item: Item) -> Item:
        return okr_form.key_result_item(merged(base, texts, okr_form.key_result_texts(item)), item)

    def save() -> Plan:
        return editor().change_key_result(slug, edit)

    return _save(save, texts, base, lambda draft: _key_result_page(draft, state(), slug), "key_results", slug)


def _own_objective(stored: State, slug: str) -> Item:
    """Return an objective that the caller may change; abort with 404 or 403 otherwise."""
    item = found_in(exported_objective, stored, slug)
    if not writer().may_change_objective(stored["objectives"][slug]["owner"]):
        abort(403, "Only its owner and admins change this objective.")
    return item


def _save(
    save: Callable[[], Plan],
    texts: Texts,
    base: Texts,
    show: Callable[[Draft], str],
    section: str,
    slug: str | None = None,
) -> ResponseReturnValue:
    """Save and go to the page of the item; or show the form again with what was typed."""
    plan = try_to_save(save, texts, base, okr_form.errors_of)
    if not isinstance(plan, Plan):
        draft, status = plan
        return show(draft), status
    wake("relink_request", "recompute", "rule_revision")
    changed = [str(change.key) for change in plan.changes if change.section == section]
    flash_saved(plan, changed)
    found = slug or changed[0]
    endpoint = "objectives_page.show" if section == "objectives" else "key_results.show"
    return redirect(url_for(endpoint, slug=found))


def _objective_page(draft: Draft, stored: State, slug: str | None) -> str:
    count = sum(fields["objective"] == slug for fields in stored["key_results"].values())
    return render_template(
        "objective_form.html",
        draft=draft,
        slug=slug,
        base=json.dumps(draft.base),
        cycles=_named(stored, "cycles"),
        teams=_named(stored, "teams"),
        people=_named(stored, "people"),
        parents=[(key, fields["title"]) for key, fields in stored["objectives"].items() if key != slug],
        count=count,
        hints=list(objective_hints(draft.texts.get("title", ""), count)),
    )


def _key_result_page(draft: Draft, stored: State, slug: str | None) -> str:
    texts = draft.texts
    allowed = writer()
    return render_template(
        "key_result_form.html",
        draft=draft,
        slug=slug,
        base=json.dumps(draft.base),
        people=_named(stored, "people"),
        objectives=[
            (str(key), fields["title"])
            for key, fields in stored["objectives"].items()
            if key == texts["objective"] or allowed.may_change_objective(fields["owner"])
        ],
        objective_title=stored["objectives"].get(texts["objective"], {}).get("title", ""),
        kinds=[(kind, f"{kind}: {words}") for kind, words in KIND_WORDS.items()],
        hints=hints_on(texts),
    )


def _named(stored: State, section: str) -> list[tuple[str, Any]]:
    found: Mapping[Any, Mapping[str, Any]] = stored[section]
    return [(str(key), fields["name"]) for key, fields in found.items()]
