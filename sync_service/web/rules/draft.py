"""The draft of a mapping rule: parse the rule form, validate it, and turn it into an edit or a definition."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Connection
from werkzeug.datastructures import MultiDict

from sync_service.domain.rules.conditions import FIELDS, GROUPS, RuleError, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.fields.custom_fields import CustomField
from sync_service.progress.previews.rule_preview import Edit
from sync_service.store.okrs.compiled_rules import custom_fields
from sync_service.store.okrs.rules import Definition
from sync_service.store.views import rules
from sync_service.store.views.rules import Choice, RuleView
from sync_service.web.rules import condition_builder
from sync_service.web.rules.condition_builder import InvalidConditionText, Row

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = ("new", "preview", "draft", "try")
"""Slugs that our own URLs use."""

_TOO_MANY_ROWS = f"there are {condition_builder.MOST_ROWS} rows at most; write a longer condition as text"

_ROW = re.compile(r"row-([0-9]{1,4})-field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The form's content. `mode` is `rows` or `text`; `seen` is the rule's version when the edit began."""

    slug: str = ""
    connection: str = ""
    key_result: str = ""
    owner: str = ""
    state: RuleState = RuleState.ACTIVE
    mode: str = "rows"
    group: str = "all"
    rows: tuple[Row, ...] = (Row(number=0),)
    text: str = ""
    seen: str = ""

    @property
    def complete(self) -> bool:
        """Return whether the condition is complete enough to preview."""
        if self.mode == "text":
            return bool(self.text.strip())
        return bool(self.rows) and all(row.complete for row in self.rows)

    def condition(self, context: RuleContext | None = None) -> dict[str, Any]:
        """Return the condition. Raise `RuleError` or `InvalidConditionText` when it is not valid."""
        if self.mode == "text":
            return condition_builder.parse_condition(self.text, context)
        condition = condition_builder.condition_from_rows(self.group, self.rows, context.fields if context else {})
        compile_condition(condition, (), context)
        return condition

    def fitted(self, custom: Mapping[str, CustomField]) -> "Draft":
        """Return the draft with rows that the custom fields of its connection allow."""
        return replace(self, rows=tuple(condition_builder.fit_row(row, custom) for row in self.rows))


@dataclass(slots=True)
class FormErrors:
    """Error messages of a draft: by field, and for the condition by row number."""

    fields: dict[str, str] = field(default_factory=dict)
    rows: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.rows)


@dataclass(frozen=True, slots=True)
class Choices:
    """The options that the form offers."""

    connections: Sequence[Choice]
    key_results: Sequence[Choice]
    owners: Sequence[Choice]
    fields: Mapping[int, Mapping[str, CustomField]]
    """The custom fields that connections name, by row id."""

    @classmethod
    def read(cls, tx: Connection) -> "Choices":
        """Return the choices in the database."""
        return cls(
            rules.connection_choices(tx), rules.key_result_choices(tx), rules.owner_choices(tx), custom_fields(tx)
        )

    def custom(self, connection: str) -> Mapping[str, CustomField]:
        """Return the custom fields of a connection, by its slug."""
        connection_id = id_of(self.connections, connection)
        return self.fields.get(connection_id, {}) if connection_id is not None else {}

    def grouped(self) -> list[tuple[str, list[Choice]]]:
        """Return the key results grouped by objective, in the order of the database."""
        return [(group, list(members)) for group, members in groupby(self.key_results, key=attrgetter("group"))]


def id_of(choices: Sequence[Choice], name: str) -> int | None:
    """Return the row id of the choice with this name, or None."""
    return next((one.id for one in choices if one.name == name), None)


def read_draft(form: "MultiDict[str, str]") -> Draft:
    """Return the form as a draft. Nothing is validated yet; rows get an operator that their field allows."""
    numbers = sorted({int(found[1]) for name in form if (found := _ROW.fullmatch(name))})[: condition_builder.MOST_ROWS]
    group = form.get("group", "all")
    return Draft(
        slug=form.get("slug", "").strip(),
        connection=form.get("connection", ""),
        key_result=form.get("key_result", ""),
        owner=form.get("owner", ""),
        state=_read_state(form.get("state", "")),
        mode="text" if form.get("mode") == "text" else "rows",
        group=group if group in GROUPS else "all",
        rows=tuple(condition_builder.fit_row(_read_row(form, number)) for number in numbers),
        text=form.get("text", "").replace("\r\n", "\n"),
        seen=form.get("seen", ""),
    )


def _read_state(written: str) -> RuleState:
    return RuleState(written) if written in list(RuleState) else RuleState.ACTIVE


def _read_row(form: "MultiDict[str, str]", number: int) -> Row:
    name, operator = form.get(f"row-{number}-field", ""), form.get(f"row-{number}-operator", "")
    values = tuple(value.strip() for value in form.getlist(f"row-{number}-value"))
    if operator == "in" and (name in FIELDS or name.startswith(PREFIX)):
        values = tuple(item.strip() for value in values for item in value.split(",") if item.strip())
    return Row(number=number, field=name, operator=operator, values=values)


def draft_of(rule: RuleView) -> Draft:
    """Return a stored rule as a draft: as rows where rows can show it, else as text."""
    shown = condition_builder.rows_from_condition(rule.condition) if rule.condition else None
    group, rows = shown or ("all", (Row(number=0),))
    return Draft(
        slug=rule.slug,
        connection=rule.connection,
        key_result=rule.key_result,
        owner=rule.owner or "",
        state=rule.state,
        mode="rows" if shown else "text",
        group=group,
        rows=rows,
        text=condition_builder.condition_as_yaml(rule.condition),
        seen=rule.version,
    )


def reshape(draft: Draft, act: str, custom: Mapping[str, CustomField]) -> tuple[Draft, FormErrors]:
    """Apply a button of the builder: `add`, `remove-N`, `to-text`, `to-rows`; anything else changes nothing.

    `custom` are the custom fields of the draft's connection.
    """
    if act == "add":
        if len(draft.rows) >= condition_builder.MOST_ROWS:
            return draft, FormErrors(fields={"rows": _TOO_MANY_ROWS})
        number = max((row.number for row in draft.rows), default=-1) + 1
        return replace(draft, rows=(*draft.rows, Row(number=number))), FormErrors()
    if act.startswith("remove-"):
        left = tuple(row for row in draft.rows if act != f"remove-{row.number}")
        return replace(draft, rows=left or (Row(number=0),)), FormErrors()
    if act == "to-text" and draft.mode == "rows":
        complete = [row for row in draft.rows if row.complete]
        text = (
            condition_builder.condition_as_yaml(condition_builder.condition_from_rows(draft.group, complete, custom))
            if complete
            else ""
        )
        return replace(draft, mode="text", text=text), FormErrors()
    if act == "to-rows" and draft.mode == "text":
        return _to_rows(draft)
    return draft, FormErrors()


def _to_rows(draft: Draft) -> tuple[Draft, FormErrors]:
    if not draft.text.strip():
        return replace(draft, mode="rows", rows=(Row(number=0),)), FormErrors()
    errors = FormErrors()
    condition = _condition(draft, errors)
    if condition is None:
        return draft, errors
    shown = condition_builder.rows_from_condition(condition)
    if shown is None:
        errors.fields["text"] = (
            "rows can't show this condition: it has groups inside groups, values with a comma, or more than "
            f"{condition_builder.MOST_ROWS} rows"
        )
        return draft, errors
    return replace(draft, mode="rows", group=shown[0], rows=shown[1]), errors


def _condition(draft: Draft, errors: FormErrors, context: RuleContext | None = None) -> dict[str, Any] | None:
    """Return the draft's condition; or None, with the error added to `errors`."""
    try:
        return draft.condition(context)
    except InvalidConditionText as error:
        errors.fields["text"] = str(error)
    except RuleError as error:
        number = condition_builder.row_of_error(error, draft.group, draft.rows) if draft.mode == "rows" else None
        if number is not None:
            found = repr(error.found) if error.found else "nothing"
            errors.rows[number] = f"found {found}; allowed: {error.allowed}"
        else:
            errors.fields["text" if draft.mode == "text" else "rows"] = str(error)
    return None


def as_edit(draft: Draft, choices: Choices, *, slug: str | None) -> tuple[Edit | None, FormErrors]:
    """Return the draft as an edit to preview, or None with the errors that prevent a preview."""
    errors = FormErrors()
    known = id_of(choices.connections, draft.connection) is not None
    condition = _condition(draft, errors, RuleContext(choices.custom(draft.connection)) if known else None)
    connection_id = id_of(choices.connections, draft.connection)
    key_result_id = id_of(choices.key_results, draft.key_result)
    if connection_id is None:
        errors.fields["connection"] = "choose the connection whose issues the rule matches"
    if key_result_id is None:
        errors.fields["key_result"] = "choose the key result that the issues count toward"
    if condition is None or connection_id is None or key_result_id is None:
        return None, errors
    edit = Edit(
        slug=slug,
        connection_id=connection_id,
        key_result_id=key_result_id,
        condition=condition,
        state=draft.state,
    )
    return edit, errors


def as_definition(draft: Draft, choices: Choices, *, slug: str | None) -> tuple[Definition | None, FormErrors]:
    """Return the draft as a definition to save, or None with all errors. A new rule without a slug gets one."""
    edit, errors = as_edit(draft, choices, slug=slug)
    owner_id = id_of(choices.owners, draft.owner)
    if draft.owner and owner_id is None:
        errors.fields["owner"] = "no person has this address"
    wanted = slug or draft.slug or (condition_builder.slug_for(edit.condition, draft.connection) if edit else "")
    if slug is None and wanted and (not SLUG.fullmatch(wanted) or wanted in RESERVED):
        errors.fields["slug"] = (
            f"use letters, digits, '.', '_' and '-', at most 100; these are reserved: {', '.join(RESERVED)}"
        )
    if edit is None or errors:
        return None, errors
    definition = Definition(
        slug=wanted,
        owner_id=owner_id,
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        condition=edit.condition,
        state=draft.state,
    )
    return definition, errors
