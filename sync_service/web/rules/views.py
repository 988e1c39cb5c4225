"""The mapping rule pages: the list, and the form with a preview of what saving would change."""

from dataclasses import dataclass, replace

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sync_service.domain.rules.rule_state import RuleState
from sync_service.progress.previews.try_issue import UnknownIssueError, try_issue
from sync_service.progress.rules.editor import NotAllowed, Refused
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import rule_versions
from sync_service.store.views import rules as rule_views
from sync_service.store.views.rules import RuleView
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded, may
from sync_service.web.rules.draft import (
    Choices,
    Draft,
    FormErrors,
    as_definition,
    draft_of,
    read_draft,
    reshape,
)
from sync_service.web.rules.editing import STATE_NAMES, check_query, editing, editor_in
from sync_service.web.rules.form import builder, preview_draft, show_form

blueprint = Blueprint("rules", __name__, url_prefix="/rules")

PAGE = 50
MOST_PAGES = 10_000
REMOVED = 20
"""Removed rules that the list names."""


@blueprint.get("")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """List the rules by slug. `?q=` filters by words in any column; `?page=` pages."""
    asked = " ".join(request.args.get("q", "").split())[:100]
    with reading(services().engine) as tx:
        every = rule_views.rule_views(tx)
        chosen = [rule for rule in every if _has(rule, asked.casefold().split())]
        pages = max(-(-len(chosen) // PAGE), 1)
        page = min(max(request.args.get("page", 1, type=int), 1), pages)
        shown = chosen[(page - 1) * PAGE : page * PAGE]
        removed = rule_versions.removed(tx, limit=REMOVED)
        rule_states = rule_views.statuses(tx, [rule.id for rule in shown])
    return render_template(
        "rules.html",
        rules=shown,
        rule_states=rule_states,
        removed=removed,
        total=len(every),
        chosen=len(chosen),
        asked=asked,
        page=page,
        pages=pages,
        first=(page - 1) * PAGE + 1,
    )


def _has(rule: RuleView, words: list[str]) -> bool:
    shown = (rule.slug, rule.key_result, rule.key_result_title, rule.connection, rule.words, rule.owner_name or "")
    text = " ".join(shown).casefold()
    return all(word in text for word in words)


@blueprint.get("/new")
@guarded(Guard.MEMBER)
def new() -> ResponseReturnValue:
    """Show the form for a new rule, owned by the caller."""
    caller = current_caller()
    with reading(services().engine) as tx:
        choices = Choices.read(tx)
        draft = Draft(
            connection=choices.connections[0].name if len(choices.connections) == 1 else "",
            key_result=request.args.get("key_result", ""),
            owner=(caller.email or "") if caller else "",
            state=RuleState.ACTIVE if may(Guard.ADMIN) else RuleState.DRAFT,
        )
        return show_form(tx, choices, draft)


@blueprint.post("/new")
@guarded(Guard.MEMBER)
def create() -> ResponseReturnValue:
    """Save a new rule, or apply another button of the form."""
    return _submit(None)


@blueprint.get("/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show a rule; whoever may change it sees it as a form."""
    with reading(services().engine) as tx:
        rule = _find(tx, slug)
        return show_form(tx, Choices.read(tx), draft_of(rule), rule=rule)


@blueprint.post("/<slug>")
@guarded(Guard.MEMBER)
def change(slug: str) -> ResponseReturnValue:
    """Save an edit of a rule, or apply another button of the form."""
    return _submit(slug)


@blueprint.post("/<slug>/state")
@guarded(Guard.MEMBER)
def set_state(slug: str) -> ResponseReturnValue:
    """Change the state of a rule."""
    if request.form.get("state") not in list(RuleState):
        abort(400, "The form lacks the state.")
    state = RuleState(request.form["state"])
    note = check_query(services().queries.check_state, slug, state)
    with editing() as editor:
        editor.set_state(slug, state)
    wake("rule_revision")
    flash(f"{slug} is {STATE_NAMES[state]}. Its links change in a moment. {note}".rstrip(), "success")
    return redirect(url_for("rules.index", q=request.form.get("q") or None))


@blueprint.post("/draft")
@guarded(Guard.MEMBER)
def draft() -> ResponseReturnValue:
    """Render the builder after one of its buttons or choices, for htmx; nothing is saved."""
    drafted = read_draft(request.form)
    with reading(services().engine) as tx:
        choices = Choices.read(tx)
        custom = choices.custom(drafted.connection)
        drafted, errors = reshape(drafted.fitted(custom), request.form.get("act", ""), custom)
        response = make_response(
            render_template("rule_builder.html", draft=drafted, errors=errors, **builder(tx, choices, drafted))
        )
    response.headers["HX-Trigger"] = "rule-changed"
    return response


@blueprint.get("/try")
@guarded(Guard.VIEWER)
def try_rules() -> ResponseReturnValue:
    """Show for an issue (`?issue=`, a key or an address) why each rule of its connection matches it or not.

    `?page=` pages the rules, those that match first.
    """
    written = request.args.get("issue", "").strip()
    page = min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)
    first = (page - 1) * PAGE
    found, unknown = [], ""
    if written:
        with reading(services().engine) as tx:
            try:
                found = try_issue(tx, written, services().connectors, shown=slice(first, first + PAGE))
            except UnknownIssueError as error:
                unknown = str(error)
    total = max((one.total for one in found), default=0)
    html = render_template(
        "rule_trial.html",
        written=written,
        found=found,
        unknown=unknown,
        page=page,
        first=first + 1,
        last=min(first + PAGE, total),
        total=total,
    )
    return html, 404 if unknown else 200


@blueprint.post("/preview")
@guarded(Guard.MEMBER)
def preview() -> ResponseReturnValue:
    """Render the preview of the form, for htmx, on demand (`?lines=1`) with replayed lines; nothing is saved."""
    drafted = read_draft(request.form)
    with reading(services().engine) as tx:
        editing = request.form.get("editing") or None
        content = preview_draft(tx, Choices.read(tx), drafted, editing, lines="lines" in request.args)
    return render_template("rule_preview_answer.html", draft=drafted, content=content, editing=editing)


def _find(tx: Connection, slug: str) -> RuleView:
    found = rule_views.rule_views(tx, slug=slug)
    if not found:
        abort(404, f"There is no rule {slug}.")
    return found[0]


def _submit(slug: str | None) -> ResponseReturnValue:
    """Handle a submitted form: save it, or show it again after another of its buttons."""
    act = request.form.get("act", "save")
    drafted = read_draft(request.form)
    if act != "save":
        with reading(services().engine) as tx:
            rule, choices = _find(tx, slug) if slug else None, Choices.read(tx)
            drafted, errors = reshape(drafted, act, choices.custom(drafted.connection))
            return show_form(tx, choices, drafted, rule=rule, errors=errors, lines=act == "lines")
    not_saved = _write(drafted, slug)
    if not_saved is None:
        wake("rule_revision")
        return redirect(url_for("rules.index"))
    with reading(services().engine) as tx:
        rule = _find(tx, slug) if slug else None
        if rule and not_saved.overtaken:
            drafted = replace(drafted, seen=rule.version)
        form = show_form(
            tx, Choices.read(tx), drafted, rule=rule, errors=not_saved.errors, overtaken=not_saved.overtaken
        )
    return form, 409 if not_saved.overtaken else not_saved.status


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSaved:
    """Why a draft was not saved: its errors, or `overtaken` by another person's edit."""

    errors: FormErrors
    overtaken: bool = False
    status: int = 422


def _write(drafted: Draft, slug: str | None) -> NotSaved | None:
    """Save a draft; return why it was not saved, else None."""
    try:
        with writing(services().engine) as tx:
            definition, errors = as_definition(drafted, Choices.read(tx), slug=slug)
            existing = rule_views.lock(tx, slug or (definition.slug if definition else ""))
            if slug and existing is None:
                abort(404, f"There is no rule {slug}.")
            if slug and existing and existing.query:
                abort(409, "A rule with a query can be changed only in the configuration file.")
            if slug and existing and drafted.seen != existing.version:
                return NotSaved(errors=FormErrors(), overtaken=True)
            if existing and not slug:
                return NotSaved(errors=_slug_taken(existing.slug))
            if definition is None:
                return NotSaved(errors=errors)
            changed = editor_in(tx).save(definition)
    except NotAllowed as error:
        return NotSaved(errors=FormErrors(fields={"key_result": str(error)}), status=403)
    except Refused as error:
        return NotSaved(errors=FormErrors(fields={"key_result": str(error)}))
    except IntegrityError:  # two new rules with the same slug at the same moment
        return NotSaved(errors=_slug_taken(drafted.slug))
    message = f"{definition.slug} is saved. Its links change in a moment." if changed else "Nothing to change."
    flash(message, "success")
    return None


def _slug_taken(slug: str) -> FormErrors:
    return FormErrors(fields={"slug": f"a rule named {slug} exists already"})
