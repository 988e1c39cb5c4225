"""A rule as somebody is writing it: read from a form, shown again as it was, and checked before it is saved."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Connection
from werkzeug.datastructures import MultiDict

from sync_service.domain.rules import FIELDS, GROUPS, RuleError, compile_condition
from sync_service.previewing import Edit
from sync_service.store import rule_views
from sync_service.store.rule_views import Choice, RuleView
from sync_service.store.rules import Definition
from sync_service.web import conditions
from sync_service.web.conditions import Row, Unreadable

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = ("new", "preview", "draft")
"""Slugs that would hide behind addresses of our own."""

MOST_ROWS = 100

_ROW = re.compile(r"row-([0-9]{1,4})-field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the form says. `mode` is `rows` or `text`; `seen` is the version of the rule that the edit began from."""

    slug: str = ""
    connection: str = ""
    key_result: str = ""
    owner: str = ""
    enabled: bool = True
    mode: str = "rows"
    group: str = "all"
    rows: tuple[Row, ...] = (Row(number=0),)
    text: str = ""
    seen: str = ""

    @property
    def complete(self) -> bool:
        """Tell whether the condition says enough to be tried."""
        if self.mode == "text":
            return bool(self.text.strip())
        return bool(self.rows) and all(row.complete for row in self.rows)

    def condition(self) -> dict[str, Any]:
        """Give the condition. Raises `RuleError` or `Unreadable` where it can't be used."""
        if self.mode == "text":
            return conditions.read_text(self.text)
        condition = conditions.condition_of(self.group, self.rows)
        compile_condition(condition)
        return condition


@dataclass(slots=True)
class Mistakes:
    """What is wrong with a draft, by field; those of the condition by row number, or None for the whole."""

    fields: dict[str, str] = field(default_factory=dict)
    rows: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.rows)


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen in the form."""

    connections: Sequence[Choice]
    key_results: Sequence[Choice]
    owners: Sequence[Choice]

    @classmethod
    def read(cls, tx: Connection) -> "Choices":
        """Read them."""
        return cls(rule_views.connection_choices(tx), rule_views.key_result_choices(tx), rule_views.owner_choices(tx))

    def grouped(self) -> list[tuple[str, list[Choice]]]:
        """Give the key results by objective, in the order they came."""
        return [(group, list(members)) for group, members in groupby(self.key_results, key=attrgetter("group"))]


def id_of(choices: Sequence[Choice], name: str) -> int | None:
    """Give the row id of a choice by its name."""
    return next((one.id for one in choices if one.name == name), None)


def read_draft(form: "MultiDict[str, str]") -> Draft:
    """Read a form as it came; nothing is checked yet but that rows have operators of their fields."""
    numbers = sorted({int(found[1]) for name in form if (found := _ROW.fullmatch(name))})[:MOST_ROWS]
    group = form.get("group", "all")
    return Draft(
        slug=form.get("slug", "").strip(),
        connection=form.get("connection", ""),
        key_result=form.get("key_result", ""),
        owner=form.get("owner", ""),
        enabled=form.get("enabled", "on") == "on",
        mode="text" if form.get("mode") == "text" else "rows",
        group=group if group in GROUPS else "all",
        rows=tuple(conditions.fitted(_read_row(form, number)) for number in numbers),
        text=form.get("text", "").replace("\r\n", "\n"),
        seen=form.get("seen", ""),
    )


def _read_row(form: "MultiDict[str, str]", number: int) -> Row:
    name, operator = form.get(f"row-{number}-field", ""), form.get(f"row-{number}-operator", "")
    values = tuple(value.strip() for value in form.getlist(f"row-{number}-value"))
    if operator == "in" and name in FIELDS:
        values = tuple(part.strip() for value in values for part in value.split(",") if part.strip())
    return Row(number=number, field=name, operator=operator, values=values)


def draft_of(rule: RuleView) -> Draft:
    """Show a stored rule as a draft: as rows where they can show it, else as text."""
    shown = conditions.rows_of(rule.condition) if rule.condition else None
    group, rows = shown or ("all", (Row(number=0),))
    return Draft(
        slug=rule.slug,
        connection=rule.connection,
        key_result=rule.key_result,
        owner=rule.owner or "",
        enabled=rule.enabled,
        mode="rows" if shown else "text",
        group=group,
        rows=rows,
        text=conditions.text_of(rule.condition),
        seen=rule.version,
    )


def reshape(draft: Draft, act: str) -> tuple[Draft, Mistakes]:
    """Do what a button of the builder asks: `add`, `remove-N`, `to-text`, `to-rows`; anything else changes nothing."""
    if act == "add":
        number = max((row.number for row in draft.rows), default=-1) + 1
        return replace(draft, rows=(*draft.rows, Row(number=number))), Mistakes()
    if act.startswith("remove-"):
        left = tuple(row for row in draft.rows if act != f"remove-{row.number}")
        return replace(draft, rows=left or (Row(number=0),)), Mistakes()
    if act == "to-text" and draft.mode == "rows":
        complete = [row for row in draft.rows if row.complete]
        text = conditions.text_of(conditions.condition_of(draft.group, complete)) if complete else ""
        return replace(draft, mode="text", text=text), Mistakes()
    if act == "to-rows" and draft.mode == "text":
        return _to_rows(draft)
    return draft, Mistakes()


def _to_rows(draft: Draft) -> tuple[Draft, Mistakes]:
    if not draft.text.strip():
        return replace(draft, mode="rows", rows=(Row(number=0),)), Mistakes()
    mistakes = Mistakes()
    condition = _condition(draft, mistakes)
    if condition is None:
        return draft, mistakes
    shown = conditions.rows_of(condition)
    if shown is None:
        mistakes.fields["text"] = "rows can't show this: it has groups inside groups, or values with a comma"
        return draft, mistakes
    return replace(draft, mode="rows", group=shown[0], rows=shown[1]), mistakes


def _condition(draft: Draft, mistakes: Mistakes) -> dict[str, Any] | None:
    """Give the draft's condition, or note what is wrong with it."""
    try:
        return draft.condition()
    except Unreadable as error:
        mistakes.fields["text"] = str(error)
    except RuleError as error:
        number = conditions.place_of(error, draft.group, draft.rows) if draft.mode == "rows" else None
        if number is not None:
            found = repr(error.found) if error.found else "nothing"
            mistakes.rows[number] = f"found {found}, allowed is {error.allowed}"
        else:
            mistakes.fields["text" if draft.mode == "text" else "rows"] = str(error)
    return None


def as_edit(draft: Draft, choices: Choices, *, slug: str | None) -> tuple[Edit | None, Mistakes]:
    """Give the draft as an edit to preview, or what is wrong with what matters for that."""
    mistakes = Mistakes()
    condition = _condition(draft, mistakes)
    connection_id = id_of(choices.connections, draft.connection)
    key_result_id = id_of(choices.key_results, draft.key_result)
    if connection_id is None:
        mistakes.fields["connection"] = "choose the connection whose issues the rule looks at"
    if key_result_id is None:
        mistakes.fields["key_result"] = "choose the key result that the issues count toward"
    if condition is None or connection_id is None or key_result_id is None:
        return None, mistakes
    edit = Edit(
        slug=slug,
        connection_id=connection_id,
        key_result_id=key_result_id,
        condition=condition,
        enabled=draft.enabled,
    )
    return edit, mistakes


def as_definition(draft: Draft, choices: Choices, *, slug: str | None) -> tuple[Definition | None, Mistakes]:
    """Give the draft as a definition to save, or all that is wrong with it; a new rule's slug may be left to us."""
    edit, mistakes = as_edit(draft, choices, slug=slug)
    owner_id = id_of(choices.owners, draft.owner)
    if draft.owner and owner_id is None:
        mistakes.fields["owner"] = "nobody has this address"
    wanted = slug or draft.slug or (conditions.slug_for(edit.condition, draft.connection) if edit else "")
    if slug is None and wanted and (not SLUG.fullmatch(wanted) or wanted in RESERVED):
        mistakes.fields["slug"] = (
            f"allowed are letters, digits, '.', '_' and '-', 100 at most, but not {', '.join(RESERVED)}"
        )
    if edit is None or mistakes:
        return None, mistakes
    definition = Definition(
        slug=wanted,
        owner_id=owner_id,
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        condition=edit.condition,
        enabled=draft.enabled,
    )
    return definition, mistakes
