"""Pages that write the organisation, cycles, people and teams, by admins."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_okrs import Item, NoItem
from sync_service.config_file.edit.edit_settings import SettingsEditor, exported, exported_organisation
from sync_service.config_file.plan.apply import ConfigApplier, Plan
from sync_service.config_file.read.field_types import zones
from sync_service.config_file.read.state import State, read_state
from sync_service.domain.okrs.next_cycle import next_cycle
from sync_service.domain.text import sentence
from sync_service.store.engine.database import reading
from sync_service.store.okrs.team_settings import organisation_zone
from sync_service.web.forms.draft import Draft, Texts, flash_saved, merged, sent_base, try_to_save
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded
from sync_service.web.settings.setting_forms import ACCOUNT, DAY_NAMES, FORMS, SettingForm, errors_of, read_texts

blueprint = Blueprint("settings_write", __name__, url_prefix="/edit/<kind>")
organisation = Blueprint("settings", __name__)

LISTS = {"cycle": "settings_lists.cycles", "person": "settings_lists.people", "team": "settings_lists.teams"}
"""The page that lists the items of each kind."""


@blueprint.get("")
@guarded(Guard.ADMIN)
def new(kind: str) -> ResponseReturnValue:
    """Show the form of a new cycle (the next quarter is proposed), person or team."""
    form, stored = _form(kind), _state()
    item = _proposed_cycle(stored) if kind == "cycle" else {"parent": request.args.get("parent")}
    texts = {**dict.fromkeys(_names(kind), ""), **form.texts(item), form.key: str(item.get("slug") or "")}
    return _page(kind, Draft(texts, {}), stored, None)


@blueprint.post("")
@guarded(Guard.ADMIN)
def create(kind: str) -> ResponseReturnValue:
    """Create a cycle, a person or a team."""
    form = _form(kind)
    texts = read_texts(request.form, (form.key, *_names(kind)))

    def save() -> Plan:
        return _editor(form).create(form.section, form.item(texts, {form.key: texts[form.key]}))

    return _saved(kind, save, texts, {}, None)


@blueprint.get("/<key>")
@guarded(Guard.ADMIN)
def edit(kind: str, key: str) -> ResponseReturnValue:
    """Show the form of a cycle, a person or a team."""
    form, stored = _form(kind), _state()
    try:
        texts = _texts(kind, exported(stored, form.section, key))
    except NoItem as error:
        abort(404, sentence(str(error)))
    return _page(kind, Draft(texts, texts), stored, key)


@blueprint.post("/<key>")
@guarded(Guard.ADMIN)
def save(kind: str, key: str) -> ResponseReturnValue:
    """Save a cycle, a person or a team. What somebody else saved meanwhile in other fields stays."""
    form = _form(kind)
    texts, base = read_texts(request.form, _names(kind)), sent_base(_names(kind))

    def change() -> Plan:
        return _editor(form).change(form.section, key, _edit(kind, base, texts))

    return _saved(kind, change, texts, base, key)


@organisation.get("/settings")
@guarded(Guard.ADMIN)
def show() -> ResponseReturnValue:
    """Show the form of the organisation."""
    stored = _state()
    texts = _texts("organisation", exported_organisation(stored))
    return _page("organisation", Draft(texts, texts), stored, None)


@organisation.post("/settings")
@guarded(Guard.ADMIN)
def save_organisation() -> ResponseReturnValue:
    """Save the organisation. What somebody else saved meanwhile in other fields stays."""
    names = _names("organisation")
    texts, base = read_texts(request.form, names), sent_base(names)

    def change() -> Plan:
        return _editor(FORMS["organisation"]).change_organisation(_edit("organisation", base, texts))

    return _saved("organisation", change, texts, base, None)


def _form(kind: str) -> SettingForm:
    return FORMS[kind] if kind in LISTS else abort(404)


def _names(kind: str) -> tuple[str, ...]:
    """Return the fields of a form; that of a person has an account for each kind of tracker."""
    accounts = (f"{ACCOUNT}{one}" for one in services().connectors) if kind == "person" else ()
    return (*FORMS[kind].names, *accounts)


def _texts(kind: str, item: Item) -> dict[str, str]:
    found = FORMS[kind].texts(item)
    return {name: found.get(name, "") for name in _names(kind)}


def _edit(kind: str, base: Texts, typed: Texts) -> Callable[[Item], Item]:
    return lambda item: FORMS[kind].item(merged(base, typed, _texts(kind, item)), item)


def _editor(form: SettingForm) -> SettingsEditor:
    text = f"changed on the page {form.section.capitalize()}"
    return SettingsEditor(ConfigApplier.of(services(), actor=actor(), audit_text=text))


def _state() -> State:
    """Return everything that files and pages configure. It has secrets: never show it whole."""
    with reading(services().engine) as tx:
        return read_state(tx, services().sealer)


def _proposed_cycle(stored: State) -> Item:
    with reading(services().engine) as tx:
        today = services().now().astimezone(organisation_zone(tx)).date()
    found = next_cycle(today, [fields["ends"] for fields in stored["cycles"].values()])
    slug = "" if found.slug in stored["cycles"] else found.slug
    return {"slug": slug, "name": found.name, "starts": found.starts, "ends": found.ends}


def _saved(kind: str, save: Callable[[], Plan], texts: Texts, base: Texts, key: str | None) -> ResponseReturnValue:
    """Save and go to the list; or show the form again with what was typed."""
    plan = try_to_save(save, texts, base, errors_of)
    if not isinstance(plan, Plan):
        draft, status = plan
        return _page(kind, draft, _state(), key), status
    wake("relink_request", "recompute", "rule_revision")
    flash_saved(plan, [str(one.key) for one in plan.changes if one.section != "organisation"])
    return redirect(url_for(LISTS.get(kind, "settings.show")))


def _page(kind: str, draft: Draft, stored: State, key: str | None) -> str:
    return render_template(
        "setting_form.html",
        kind=kind,
        key=key,
        draft=draft,
        base=json.dumps(draft.base),
        teams=[one for one in _named(stored, "teams") if one[0] != key],
        zones=[(one, one) for one in sorted(zones())],
        weekdays=DAY_NAMES,
        accounts=[(f"{ACCOUNT}{kind}", one.title) for kind, one in services().connectors.items()],
        default_zone=str(services().settings.zone),
    )


def _named(stored: State, section: str) -> list[tuple[str, Any]]:
    found: Mapping[Any, Mapping[str, Any]] = stored[section]
    return [(str(key), fields["name"]) for key, fields in found.items()]
