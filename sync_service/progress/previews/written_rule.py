"""A rule as somebody writes it in a file or in a request, to be previewed: names become rows, mistakes become words.

What is not written is as the rule with that slug has it now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import RuleError, compile_condition, shown
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import did_you_mean
from sync_service.progress.previews.rule_preview import Edit, Preview, preview
from sync_service.progress.rules.editor import RuleEditor
from sync_service.store.okrs.rules import Definition
from sync_service.store.views import rules
from sync_service.store.views.key_results import KeyResultView, key_result_view
from sync_service.store.views.rules import Choice, RuleView


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRule:
    """A rule as written; None: not written. `when` is a condition, not checked yet."""

    slug: str
    owner: str | None = None
    connection: str | None = None
    key_result: str | None = None
    when: Any = None
    state: RuleState | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a rule: where it is, what was found there, and what is allowed."""

    path: tuple[str | int, ...]
    found: str
    allowed: str

    @property
    def words(self) -> str:
        """Return it as a text without its path."""
        return f"found {self.found}, allowed is {self.allowed}"


class WrongRule(ValueError):
    """A rule that can't be previewed, with all its mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{'.'.join(map(str, one.path))}: {one.words}" for one in mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedRule:
    """A written rule with its preview. `key_results` are those that it touches, by slug, as they are now."""

    rule: WrittenRule
    preview: Preview
    key_results: Mapping[str, KeyResultView]


def preview_written(editor: RuleEditor, written: WrittenRule, *, lines: bool = False) -> PreviewedRule:
    """Return what saving a rule would do, for a person who may save it.

    Raise `WrongRule` for mistakes, `Refused` where saving it is refused.
    """
    tx, now = editor.tx, editor.now
    whole, definition = _defined(tx, written)
    editor.require(definition)
    edit = Edit(
        slug=definition.slug,
        connection_id=definition.connection_id,
        key_result_id=definition.key_result_id,
        condition=definition.condition,
        state=definition.state,
    )
    found = preview(tx, edit, now=now, lines=lines)
    return PreviewedRule(rule=whole, preview=found, key_results=touched(tx, found, now))


def touched(tx: Connection, found: Preview, now: datetime) -> dict[str, KeyResultView]:
    """Return the key results that a preview touches, as they are now, by slug."""
    views = {one.slug: key_result_view(tx, one.slug, now) for one in found.effects}
    return {slug: view for slug, view in views.items() if view is not None}


def _defined(tx: Connection, written: WrittenRule) -> tuple[WrittenRule, Definition]:
    stored = next(iter(rules.rule_views(tx, slug=written.slug)), None)
    whole = _completed(written, stored)
    mistakes = [
        *_condition_mistakes(whole, stored),
        *_unnamed(whole.connection, "connection", connections := rules.connection_choices(tx)),
        *_unnamed(whole.key_result, "key_result", key_results := rules.key_result_choices(tx)),
        *(_unnamed(whole.owner, "owner", rules.owner_choices(tx)) if whole.owner else ()),
    ]
    if mistakes:
        raise WrongRule(mistakes)
    return whole, Definition(
        slug=whole.slug,
        owner_id=_id(rules.owner_choices(tx), whole.owner),
        connection_id=_id(connections, whole.connection) or 0,
        key_result_id=_id(key_results, whole.key_result) or 0,
        condition=whole.when,
        state=whole.state or RuleState.ACTIVE,
    )


def _completed(written: WrittenRule, stored: RuleView | None) -> WrittenRule:
    if stored is None:
        return replace(written, state=written.state or RuleState.ACTIVE)
    return WrittenRule(
        slug=written.slug,
        owner=written.owner or stored.owner,
        connection=written.connection or stored.connection,
        key_result=written.key_result or stored.key_result,
        when=(stored.condition or None) if written.when is None else written.when,
        state=written.state or stored.state,
    )


def _condition_mistakes(whole: WrittenRule, stored: RuleView | None) -> list[Mistake]:
    if whole.when is None:
        queried = stored is not None and stored.query is not None
        found = "a query, which only its tracker can evaluate" if queried else "nothing"
        return [Mistake(("when",), found, "a condition, like {field: labels, has: checkout}")]
    try:
        compile_condition(whole.when)
    except RuleError as error:
        return [Mistake(("when", *error.path), shown(error.found), error.allowed)]
    return []


def _unnamed(name: str | None, field: str, choices: Sequence[Choice]) -> list[Mistake]:
    """Return the mistake where a name is none of these."""
    names = [one.name for one in choices]
    if name in names:
        return []
    allowed = (
        f"one of {', '.join(names[:MOST_NAMED])}{' …' if len(names) > MOST_NAMED else ''}" if names else "none yet"
    )
    return [Mistake((field,), "nothing" if name is None else shown(name), allowed + did_you_mean(name, names))]


MOST_NAMED = 20
"""Names in a message."""


def _id(choices: Sequence[Choice], name: str | None) -> int | None:
    return next((one.id for one in choices if one.name == name), None)
