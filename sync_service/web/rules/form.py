"""Render the rule form: the draft, the available choices, and a preview of what saving would change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import render_template
from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import FIELD_CHOICES, FIELDS
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.queries import EvaluatesQueries
from sync_service.progress.previews.rule_preview import Preview, preview
from sync_service.store.views import rules
from sync_service.store.views.key_results import KeyResultView, key_result_view
from sync_service.store.views.rules import RuleView
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller
from sync_service.web.rules import condition_builder
from sync_service.web.rules.draft import Choices, Draft, FormErrors, as_edit, id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewContent:
    """The content of the preview: what saving the draft would change, or the errors that prevent a preview."""

    preview: Preview | None = None
    key_results: dict[str, KeyResultView] | None = None
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
) -> str:
    """Render a draft with its preview; read-only for callers who may not change it, and for rules with a query."""
    caller = current_caller()
    may_change = caller is not None and caller.role is Guard.ADMIN and not (rule and rule.query)
    state = rules.statuses(tx, [rule.id]).get(rule.id) if rule else None
    return render_template(
        "rule.html" if may_change else "rule_read.html",
        draft=drafted,
        rule=rule,
        state=state,
        not_evaluable=_not_evaluable(rule),
        errors=errors or FormErrors(),
        overtaken=overtaken,
        choices=choices,
        promise=preview_draft(tx, choices, drafted, rule.slug if rule else None) if may_change else None,
        **builder(tx, choices, drafted),
    )


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
    return {
        "fields": FIELDS,
        "field_choices": FIELD_CHOICES,
        "operators": condition_builder.operators,
        "suggestions": rules.suggestions(tx, connection_id) if connection_id else {},
    }


def preview_draft(tx: Connection, choices: Choices, drafted: Draft, slug: str | None) -> PreviewContent:
    """Preview a draft as if it were enabled. An incomplete or invalid draft gives its errors instead."""
    if not drafted.complete:
        return PreviewContent()
    edit, errors = as_edit(replace(drafted, enabled=True), choices, slug=slug)
    if edit is None:
        return PreviewContent(errors=errors)
    seen = preview(tx, edit, now=services().now())
    views = {one.slug: key_result_view(tx, one.slug, services().now()) for one in seen.effects}
    return PreviewContent(
        preview=seen,
        key_results={name: view for name, view in views.items() if view is not None},
        slug=condition_builder.slug_for(edit.condition, drafted.connection),
    )
