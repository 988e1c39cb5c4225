"""Render the rule form: the draft, the available choices, and a preview of what saving would change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from flask import render_template
from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import FIELD_CHOICES
from sync_service.domain.rules.rights import why_not
from sync_service.domain.rules.rule_state import STATE_WORDS, RuleState
from sync_service.domain.rules.versions import review_due
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.queries import EvaluatesQueries
from sync_service.progress.previews.rule_preview import Edit, Preview, preview
from sync_service.progress.previews.written_rule import touched
from sync_service.progress.rules.editor import NotAllowed, Refused
from sync_service.store.okrs.rules import Definition
from sync_service.store.views import rules
from sync_service.store.views.key_results import KeyResultView
from sync_service.store.views.people import named_accounts
from sync_service.store.views.rule_details import overlaps as rule_overlaps
from sync_service.store.views.rule_details import rights as rule_rights
from sync_service.store.views.rules import RuleStatus, RuleView
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.context import services
from sync_service.web.request.guards import current_caller
from sync_service.web.rules import condition_builder
from sync_service.web.rules.draft import Choices, Draft, FormErrors, as_edit, id_of
from sync_service.web.rules.editing import editor_in
from sync_service.web.rules.replayed_chart import LineChart, build_line_chart


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewContent:
    """The content of the preview: what saving the draft would change, or the errors that prevent a preview."""

    preview: Preview | None = None
    key_results: dict[str, KeyResultView] | None = None
    charts: Sequence[LineChart] = ()
    errors: FormErrors | None = None
    slug: str = ""


def show_form(
    tx: Connection,
    choices: Choices,
    drafted: Draft,
    *,
    rule: RuleView | None = None,
    errors: FormErrors | None = None,
    overtaken: bool = False,
    lines: bool = False,
) -> str:
    """Render a draft with its preview; read-only for callers who may not change it, and for rules with a query."""
    drafted = drafted.fitted(choices.custom(drafted.connection))
    may_write = rule is None or _may_write(tx, rule)
    may_change = may_write and not (rule and rule.query)
    state = rules.statuses(tx, [rule.id]).get(rule.id) if rule else None
    return render_template(
        "rule.html" if may_change else "rule_read.html",
        draft=drafted,
        rule=rule,
        state=state,
        named=named_accounts(tx, rule=rule.slug) if rule else (),
        not_evaluable=_not_evaluable(rule),
        may_write=may_write,
        overlaps=rule_overlaps.of_rule(tx, rule.slug) if rule else (),
        due=_review_due(rule, state),
        errors=errors or FormErrors(),
        overtaken=overtaken,
        choices=choices,
        content=preview_draft(tx, choices, drafted, rule.slug if rule else None, lines=lines) if may_change else None,
        **builder(tx, choices, drafted),
    )


def _may_write(tx: Connection, rule: RuleView) -> bool:
    """Return whether the caller may write a rule as it is."""
    caller = current_caller()
    if caller is None:
        return False
    target = rule_rights.target(tx, rule.key_result_id, services().now())
    writer = rule_rights.writer(tx, role=caller.role.value, person_id=caller.person_id)
    return why_not(writer, [target.toward(rule.state)]) is None


def _review_due(rule: RuleView | None, state: RuleStatus | None) -> bool:
    """Return whether a rule is due for a review."""
    changed_at = state.changed_at if state else None
    due = review_due(reviewed_at=rule.reviewed_at, changed_at=changed_at) if rule else None
    return due is not None and due <= services().now()


def _not_evaluable(rule: RuleView | None) -> Sequence[str]:
    """Return the clauses of a rule's query that only its tracker can evaluate."""
    connection = services().connections.named(rule.connection) if rule and rule.query else None
    if rule is None or connection is None:
        return ()
    connector = services().connectors[connection.kind]
    if not isinstance(connector, EvaluatesQueries):
        return ()
    try:
        return connector.not_evaluable(connection.view, query=rule.query or "")
    except Rejected:
        return ()  # the page shows this error of the query's listing


def builder(tx: Connection, choices: Choices, drafted: Draft) -> dict[str, object]:
    """Return the template variables of the condition builder."""
    connection_id = id_of(choices.connections, drafted.connection)
    custom = choices.custom(drafted.connection)
    return {
        "fields": condition_builder.fields_of(custom),
        "is_day": partial(condition_builder.is_day, custom=custom),
        "field_choices": FIELD_CHOICES,
        "operators": partial(condition_builder.operators, custom=custom),
        "state_words": STATE_WORDS,
        "suggestions": rules.suggestions(tx, connection_id) if connection_id else {},
    }


def preview_draft(
    tx: Connection, choices: Choices, drafted: Draft, slug: str | None, *, lines: bool = False
) -> PreviewContent:
    """Preview a draft, on demand with replayed lines; one that is not in force as if it were active.

    One with errors gives these instead, as does one that may not be saved because its numbers are final.
    """
    if not drafted.complete:
        return PreviewContent()
    edit, errors = as_edit(drafted, choices, slug=slug)
    final = refusal(tx, edit, drafted.slug) if edit else None
    if edit is None or final:
        return PreviewContent(errors=FormErrors(fields={"key_result": final}) if final else errors)
    now = services().now()
    edit = edit if edit.state.matches else replace(edit, state=RuleState.ACTIVE)
    seen = preview(tx, edit, now=now, lines=lines)
    views = touched(tx, seen, now)
    charts = [build_line_chart(views[one.slug], one, now, zone()) for one in seen.lines if one.slug in views]
    return PreviewContent(
        preview=seen,
        key_results=views,
        charts=[one for one in charts if one],
        slug=condition_builder.slug_for(edit.condition, drafted.connection),
    )


def refusal(tx: Connection, edit: Edit, slug: str) -> str | None:
    """Return why an edit would be refused whoever saved it."""
    wanted = Definition(
        slug=edit.slug or slug,
        owner_id=None,
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        condition=edit.condition,
        state=edit.state,
    )
    try:
        editor_in(tx).require(wanted)
    except NotAllowed:
        return None
    except Refused as error:
        return str(error)
    return None
